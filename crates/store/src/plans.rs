//! Every hot statement finds its rows through an index, on both engines. The reads are taken from a trace of what
//! ran, so that no other text is looked at than is sent.

#[path = "../tests/suite/postgres/database.rs"]
mod database;

use std::sync::mpsc;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use stile_core::guessing::STRANGERS;
use stile_core::principal::Profile;
use stile_core::{
    ApiTokenId, Credential, CredentialId, EnvironmentId, Facts, Format, Level, Method, Micros, OutboxId,
    Session, SessionId, Settings, User, UserId, VerificationId,
};

use self::database::{Database, apart, server};
use crate::mutation::Step;
use crate::postgres::dollars;
use crate::tables::all::TABLES;
use crate::tables::audit::SWEEP as AUDIT_SWEEP;
use crate::{
    AuditFilter, Engine, Failures, Mail, MailSlot, Passkey, Store, Verification, additions, api_tokens,
    begun, buckets, credentials, environments, failures, known_devices, ledger, mail_turns, mfa_tokens,
    outbox, passkeys, recovery_codes, sessions, totp, users, verifications,
};

const NOW: Micros = Micros::new(1_800_000_000_000_000);

/// The parts of a plan that walk a whole table or index.
fn scans(db: &Connection, sql: &str) -> Vec<String> {
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let details = plan.raw_query().mapped(|r| r.get::<_, String>(3)).map(Result::unwrap).collect::<Vec<_>>();
    assert!(!details.is_empty() || sql.starts_with("INSERT"), "no plan for {sql}");
    details.into_iter().filter(|d| d.starts_with("SCAN") && d != "SCAN CONSTANT ROW").collect()
}

fn environment() -> EnvironmentId {
    EnvironmentId::from_bytes([1; 16])
}

fn file() -> (tempfile::TempDir, Connection, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let store = Store::sqlite(&path, NOW).unwrap();
    let db = Connection::open(path).unwrap();
    (folder, db, store)
}

/// The texts of all reads.
async fn reads(store: &Store) -> Vec<String> {
    // One read makes the connection that all further reads of this thread use.
    store.environment_version(environment()).await.unwrap();
    let Engine::Sqlite(sqlite) = &store.engine else { panic!("another engine") };
    let (said, heard) = mpsc::channel();
    sqlite.readers()[0]
        .db
        .trace_v2(
            TraceEventCodes::SQLITE_TRACE_STMT,
            Some(move |event: TraceEvent<'_>| {
                if let TraceEvent::Stmt(statement, _) = event {
                    said.send(statement.sql().into_owned()).unwrap();
                }
            }),
        )
        .unwrap();
    all_reads(store).await;
    let reads: Vec<String> = heard.try_iter().collect();
    assert_eq!(reads.len(), 36, "{reads:#?}");
    reads
}

#[tokio::test]
async fn hot_reads_use_an_index() {
    let (_folder, db, store) = file();
    for sql in reads(&store).await {
        assert_eq!(scans(&db, &sql), Vec::<String>::new(), "{sql}");
    }
}

async fn all_reads(store: &Store) {
    let (environment, owner) = (environment(), UserId::from_bytes([2; 16]));
    store.principal(environment, SessionId::from_bytes([3; 16])).await.unwrap();
    store.account_by_identifier(environment, Format::Email, b"a").await.unwrap();
    store.username_taken(environment, "a").await.unwrap();
    store.passkey(environment, b"a").await.unwrap();
    store.passkeys(environment, owner).await.unwrap();
    store.verification(environment, VerificationId::from_bytes([4; 16])).await.unwrap();
    store.live_verification(environment, [5; 32], [6; 32], NOW).await.unwrap();
    store.environment(environment).await.unwrap();
    store.environment_version(environment).await.unwrap();
    store.former_rp_id("example.com").await.unwrap();
    store.signing_keys(environment).await.unwrap();
    store.api_token([7; 32]).await.unwrap();
    store.ledger_note(ledger::Kind::Code, b"a").await.unwrap();
    store.is_used(ledger::Kind::Nonce, b"a").await.unwrap();
    store.holder(environment, "a", Some("b"), NOW).await.unwrap();
    store.is_known_device(environment, "b", NOW).await.unwrap();
    store.buckets([[8; 32]]).await.unwrap();
    store.due_mail(NOW).await.unwrap();
    store.account(environment, owner).await.unwrap();
    store.sessions(environment, owner, NOW, 10).await.unwrap();
    store.totp_device(environment, owner, CredentialId::from_bytes([9; 16])).await.unwrap();
    store.begun(SessionId::from_bytes([3; 16]), CredentialId::from_bytes([9; 16]), NOW).await.unwrap();
    store.begun_last(SessionId::from_bytes([3; 16]), Format::Totp, NOW).await.unwrap();
    store.recovery_codes(owner).await.unwrap();
    store.shown_recovery_codes(owner, NOW).await.unwrap();
    store.mfa_token(SessionId::from_bytes([3; 16]), [9; 32], NOW).await.unwrap();
    store.failures(owner, [9; 32]).await.unwrap();
    store.users_after(owner).await.unwrap();
    store.additions(owner).await.unwrap();
    store.undo_link([9; 32], NOW).await.unwrap();
    store.audit(environment, AuditFilter::newest(10)).await.unwrap();
    store.audit(environment, AuditFilter { subject: Some(owner), ..AuditFilter::newest(10) }).await.unwrap();
    store.next_audited(None).await.unwrap();
    // Two reads: whether it is known, and what is kept once it has been written.
    store.remember("a", b"b").await.unwrap();
}

#[test]
fn hot_writes_use_an_index() {
    let (_folder, db, _store) = file();
    for step in all_writes() {
        assert_eq!(scans(&db, step.sql), Vec::<String>::new(), "{}", step.sql);
    }
}

fn all_writes() -> Vec<Step> {
    let (e, id, credential) = (environment(), UserId::from_bytes([2; 16]), CredentialId::from_bytes([3; 16]));
    let user = User {
        id,
        version: 1,
        profile: Profile::default(),
        default_method: None,
        recovery: None,
        epoch: 0,
        first_visit: NOW,
        last_visit: NOW,
    };
    let facts = Facts::address(Format::Email, "a".into());
    let email = Credential { id: credential, facts, sign_in: true, created_at: NOW, verified_at: NOW };
    let session = Session {
        id: SessionId::from_bytes([4; 16]),
        level: Level::Full,
        created_at: NOW,
        expires_at: NOW,
        idle_expires_at: NOW,
        sign_in_credential: credential,
        last_credential: credential,
        session_key: None,
        device_key: None,
        user_agent: String::new(),
        proofs: Vec::new(),
    };
    let passkey = Passkey {
        credential,
        owner: id,
        webauthn_id: Vec::new(),
        public_key: Vec::new(),
        sign_count: 0,
        aaguid: [0; 16],
        transports: Vec::new(),
        backup_eligible: false,
        backed_up: false,
        origin: String::new(),
        user_agent: String::new(),
        created_at: NOW,
        updated_at: NOW,
    };
    let verification = VerificationId::from_bytes([5; 16]);
    let code = Verification {
        id: verification,
        address: [1; 32],
        sealed_address: Vec::new(),
        creator: [2; 32],
        session: None,
        begun: None,
        device: None,
        code: [3; 32],
        digits: 6,
        tries: 0,
        created_at: NOW,
        expires_at: NOW,
    };
    let mail = Mail {
        id: OutboxId::from_bytes([6; 16]),
        environment: e,
        recipient: Some([1; 32]),
        template: String::new(),
        sealed: Vec::new(),
        created_at: NOW,
        expires_at: NOW,
    };
    vec![
        users::bump_version(e, &user),
        users::hold_version(e, &user),
        users::hold_version_and_visit(e, &user, NOW),
        users::set_profile(e, id, &user.profile),
        users::hold(e, id),
        users::set_recovery(e, id, None),
        users::prefer(e, id, None),
        users::bump_epoch(e, id),
        totp::advance(credential, 1),
        sessions::hold(e, id, session.id),
        begun::use_up(session.id, credential),
        begun::hold(session.id, credential),
        begun::give_up_all(session.id, Format::Totp),
        recovery_codes::use_up(id, [9; 32]),
        recovery_codes::delete_all(id),
        recovery_codes::hide(id),
        mfa_tokens::use_up([9; 32]),
        failures::count(id, &Failures::default(), NOW, NOW),
        failures::count_method(id, Method::Of(Format::Totp)),
        failures::pass(id, NOW),
        failures::hold_below_cap(id, Method::Of(Format::Totp)),
        failures::forget_methods(id),
        failures::forget(e, id),
        sessions::revoke(e, id, session.id),
        sessions::end_all(e, id, Some(session.id)),
        sessions::forget_proofs(e, id, session.id),
        sessions::cut_back(e, id, session.id, Level::Full, credential, &[], (NOW, NOW)),
        sessions::end_standing_on(e, id, credential, None),
        additions::use_up([9; 32], NOW),
        users::delete(e, id),
        credentials::insert(e, id, b"a", &email),
        credentials::mark_verified(e, id, credential, NOW),
        credentials::describe(e, id, &email),
        credentials::delete(e, id, credential),
        passkeys::mark_used(&passkey, &passkey, NOW),
        passkeys::mark_renamed(credential, NOW),
        sessions::write_proofs(e, id, &session),
        sessions::refresh(e, session.id, Level::Full, NOW),
        sessions::use_up(e, session.id),
        sessions::end(e, session.id),
        verifications::count_wrong(e, verification, NOW),
        verifications::use_up(e, &code, NOW),
        verifications::hold_tries(e, &code),
        verifications::lengthen(e, &code, NOW),
        ledger::consume(ledger::Kind::Code, b"a", NOW, NOW),
        buckets::count([7; 32], STRANGERS, NOW),
        buckets::spend([7; 32], STRANGERS, NOW),
        buckets::hold_room([7; 32], STRANGERS, NOW),
        mail_turns::take([7; 32], [8; 32], NOW),
        mail_turns::ask([7; 32], [8; 32], NOW),
        known_devices::hold_known(id, "a", NOW),
        known_devices::forget_device_of(id, session.id),
        known_devices::forget_all(id, None),
        outbox::insert(&mail),
        outbox::delete(mail.id),
        outbox::claim(&MailSlot { mail, attempts: 0 }, NOW),
        environments::bump_version(e),
        environments::configure(e, 1, &Settings::default()),
        users::delete_if_there(e, id),
        environments::begin_deletion(e, NOW),
        api_tokens::delete(e, ApiTokenId::from_bytes([8; 16])),
    ]
    .into_iter()
    .chain(environments::claim_rp_id(e, "example.com", false))
    .chain(environments::end_rp_id("example.com", b"former"))
    .chain(known_devices::remember(id, "a", NOW))
    .chain(mail_turns::take_if_least([7; 32], [8; 32], NOW))
    .collect()
}

/// An environment has a handful of signing keys; every other table can be long when it is swept.
#[test]
fn sweeps_find_what_has_expired_through_an_index() {
    let (_folder, db, _store) = file();
    for sweep in
        TABLES.into_iter().filter(|table| table.name != "signing_keys").filter_map(|table| table.sweep)
    {
        for sql in [sweep.due, sweep.delete] {
            assert_eq!(scans(&db, sql), Vec::<String>::new(), "{sql}");
        }
    }
    assert_eq!(scans(&db, AUDIT_SWEEP), Vec::<String>::new());
}

/// The parts of a plan that walk a table, or that part of an index which an environment or an expiry has.
async fn walks(db: &tokio_postgres::Client, sql: &str) -> Vec<String> {
    let sql = dollars(sql);
    let arguments = db.prepare(&sql).await.unwrap().params().len();
    let nulls =
        if arguments == 0 { String::new() } else { format!("({})", vec!["NULL"; arguments].join(", ")) };
    db.batch_execute(&format!("PREPARE asked AS {sql}")).await.unwrap();
    let plan = db.query(&format!("EXPLAIN EXECUTE asked{nulls}"), &[]).await.unwrap();
    db.batch_execute("DEALLOCATE asked").await.unwrap();
    let lines: Vec<String> = plan.iter().map(|row| row.get::<_, String>(0).trim().to_owned()).collect();
    let next = lines.iter().skip(1).map(|line| line.strip_prefix("Index Cond: ")).chain([None]);
    let walks = lines.iter().zip(next).filter(|(line, condition)| {
        let by_index = line.contains("Scan using ") && condition.is_none_or(weak);
        line.contains("Seq Scan") || by_index
    });
    walks.map(|(line, condition)| format!("{line} {condition:?}")).collect()
}

/// Whether a condition leaves a great deal.
fn weak(condition: &str) -> bool {
    !condition.contains(" AND ")
        && ["(environment = ", "(expires_at "].iter().any(|begin| condition.starts_with(begin))
}

/// These are meant to be walked through.
fn meant(sql: &str) -> bool {
    sql.contains("FROM audit") || sql.contains("FROM signing_keys")
}

/// What is swept may be empty at times, and known to be.
const SWEPT_EMPTY: &str = "VACUUM ANALYZE ledger, counters, verifications, outbox, begun, totp_unverified, recovery_shown, mfa_tokens, \
     additions, undo_links";

/// Plans are made once, and perhaps before there are any figures of a table.
#[test]
fn on_postgres_plans_are_right_for_full_tables() {
    if server().is_none() {
        return;
    }
    apart(async {
        let (_folder, _db, store) = file();
        let reads = reads(&store).await.into_iter().filter(|sql| !meant(sql));
        let writes = all_writes().into_iter().map(|step| step.sql.to_owned());
        let texts: Vec<String> = reads.chain(writes).collect();
        for (database, known) in [(Database::empty(), ""), (Database::new(), SWEPT_EMPTY)] {
            let Engine::Postgres(postgres) = Store::postgres(&database.url(), NOW).await.unwrap().engine
            else {
                panic!("another engine")
            };
            database.raw().await.batch_execute(known).await.unwrap();
            let db = postgres.client().await;
            let mut found = Vec::new();
            for sql in &texts {
                found.extend(walks(&db, sql).await.into_iter().map(|walk| format!("{walk} of {sql}")));
            }
            assert!(found.is_empty(), "{known}: {found:#?}");
        }
    });
}
