//! Users, and the principal query.

use stile_core::principal::Profile;
use stile_core::{
    Acknowledgement, Credential, CredentialId, EnvironmentId, Format, Micros, Principal, SessionId, User,
    UserId,
};

use super::{credentials, sessions};
use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A user with credentials, outside of any session: what signing in reads.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// Oldest first.
    pub credentials: Vec<Credential>,
}

/// The columns of a user `u`, in the order in which `read` takes them.
macro_rules! columns {
    () => {
        "u.id, u.version, u.profile, u.first_visit, u.last_visit, u.default_method, u.recovery, u.epoch"
    };
}

/// Accounts, a row for each credential.
macro_rules! accounts {
    ($from:literal) => {
        concat!("SELECT ", credentials::columns!(), ", ", columns!(), " FROM ", $from)
    };
}

fn read(row: &mut Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.take()?,
        version: row.take()?,
        profile: row.take_json()?,
        first_visit: row.take()?,
        last_visit: row.take()?,
        default_method: row.take()?,
        recovery: match row.take::<Option<String>>()?.as_deref() {
            None => None,
            Some("pending") => Some(Acknowledgement::Pending),
            Some("complete") => Some(Acknowledgement::Complete),
            Some(_) => return Err(StoreError::Corrupt("recovery codes of an unknown state")),
        },
        epoch: row.take()?,
    })
}

/// The rows of a user: a credential in each of them, or one row without any, and then what they all say alike.
fn with_credentials<T>(
    rows: Vec<Row>,
    read: impl Fn(&mut Row) -> Result<T, StoreError>,
) -> Result<Option<(T, Vec<Credential>)>, StoreError> {
    let (mut whose, mut credentials) = (None, Vec::new());
    for mut row in rows {
        credentials.extend(credentials::read_optional(&mut row)?);
        if whose.is_none() {
            whose = Some(read(&mut row)?);
        }
    }
    Ok(whose.map(|whose| (whose, credentials)))
}

fn account(rows: Vec<Row>) -> Result<Option<Account>, StoreError> {
    let found = with_credentials(rows, read)?;
    Ok(found.map(|(user, credentials)| Account { user, credentials }))
}

impl Store {
    /// Who is asking: session, user, user version, credentials and environment version, in one query.
    ///
    /// The caller decides whether the session has ended by its times.
    pub async fn principal(
        &self,
        environment: EnvironmentId,
        session: SessionId,
    ) -> Result<Option<Principal>, StoreError> {
        let sql = concat!(
            "SELECT ",
            credentials::columns!(),
            ", ",
            columns!(),
            ", ",
            sessions::columns!(),
            ", e.version
             FROM sessions s
             JOIN users u ON u.id = s.owner AND u.environment = s.environment
             JOIN environments e ON e.id = s.environment
             LEFT JOIN credentials c ON c.owner = u.id AND c.environment = s.environment
             WHERE s.id = ?1 AND s.environment = ?2
             ORDER BY c.created_at, c.id"
        );
        let rows = self.rows(sql, vec![session.into(), environment.into()]).await?;
        let found = with_credentials(rows, |row| Ok((read(row)?, sessions::read(row)?, row.take()?)))?;
        Ok(found.map(|((user, session, environment_version), credentials)| Principal {
            environment,
            environment_version,
            user,
            session,
            credentials,
        }))
    }

    /// The account that a credential belongs to, by the credential's unique identifier.
    pub async fn account_by_identifier(
        &self,
        environment: EnvironmentId,
        format: Format,
        identifier: &[u8],
    ) -> Result<Option<Account>, StoreError> {
        let sql = accounts!(
            "credentials k
                 JOIN users u ON u.id = k.owner AND u.environment = k.environment
                 JOIN credentials c ON c.owner = u.id AND c.environment = k.environment
                 WHERE k.environment = ?1 AND k.format = ?2 AND k.identifier = ?3
                 ORDER BY c.created_at, c.id"
        );
        let rows =
            self.rows(sql, vec![environment.into(), format.as_str().into(), identifier.into()]).await?;
        account(rows)
    }

    /// A user with credentials.
    pub async fn account(
        &self,
        environment: EnvironmentId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = accounts!(
            "users u
                 LEFT JOIN credentials c ON c.owner = u.id AND c.environment = u.environment
                 WHERE u.id = ?1 AND u.environment = ?2
                 ORDER BY c.created_at, c.id"
        );
        account(self.rows(sql, vec![user.into(), environment.into()]).await?)
    }

    /// How many users the environment has.
    pub async fn count_users(&self, environment: EnvironmentId) -> Result<i64, StoreError> {
        let row =
            self.row("SELECT COUNT(*) FROM users WHERE environment = ?1", vec![environment.into()]).await?;
        row.map_or(Ok(0), |mut row| row.take())
    }

    /// Some users after this one, in the order of their ids, each with the environment. One environment's users alone are
    /// not asked for: they would be sorted anew each time.
    pub async fn users_after(&self, after: UserId) -> Result<Vec<(UserId, EnvironmentId)>, StoreError> {
        let sql = "SELECT id, environment FROM users WHERE id > ?1 ORDER BY id LIMIT 1000";
        let rows = self.rows(sql, vec![after.into()]).await?;
        rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?))).collect()
    }

    /// Whether a username is taken in the environment.
    pub async fn username_taken(
        &self,
        environment: EnvironmentId,
        username: &str,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM users WHERE environment = ?1 AND username = ?2";
        Ok(self.row(sql, vec![environment.into(), username.into()]).await?.is_some())
    }
}

fn profile_json(profile: &Profile) -> Value {
    // A profile is made of strings, booleans and JSON values: it always serialises.
    serde_json::to_string(profile).unwrap_or_else(|_| "{}".into()).into()
}

/// A new user.
pub fn insert(environment: EnvironmentId, user: &User) -> Step {
    let sql = "INSERT INTO users (id, environment, version, profile, username, first_visit, last_visit)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        user.id.into(),
        environment.into(),
        user.version.into(),
        profile_json(&user.profile),
        user.profile.username.as_deref().into(),
        user.first_visit.into(),
        user.last_visit.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Begins every change of a user's factors, credentials or codes (invariant 6).
pub fn bump_version(environment: EnvironmentId, user: &User) -> Step {
    let sql = "UPDATE users SET version = version + 1 WHERE id = ?1 AND environment = ?2 AND version = ?3";
    Step::one(sql, vec![user.id.into(), environment.into(), user.version.into()], Miss::UserChanged)
}

/// Lets a mutation pass only while the user is as read: something is granted on the strength of these factors.
pub fn hold_version(environment: EnvironmentId, user: &User) -> Step {
    let sql = "UPDATE users SET version = version WHERE id = ?1 AND environment = ?2 AND version = ?3";
    Step::one(sql, vec![user.id.into(), environment.into(), user.version.into()], Miss::UserChanged)
}

/// Lets a mutation pass only while the user is there.
pub fn hold(environment: EnvironmentId, user: UserId) -> Step {
    let sql = "UPDATE users SET version = version WHERE id = ?1 AND environment = ?2";
    Step::one(sql, vec![user.into(), environment.into()], Miss::SessionGone)
}

/// Writes whether the user has seen the present recovery codes; `None` when there are none.
pub fn set_recovery(environment: EnvironmentId, user: UserId, state: Option<Acknowledgement>) -> Step {
    let sql = "UPDATE users SET recovery = ?3 WHERE id = ?1 AND environment = ?2";
    let state = state.map(Acknowledgement::as_str);
    Step::one(sql, vec![user.into(), environment.into(), state.into()], Miss::UserChanged)
}

/// Sets the second factor that the user wants to be asked for first.
pub fn prefer(environment: EnvironmentId, user: UserId, method: Option<CredentialId>) -> Step {
    let sql = "UPDATE users SET default_method = ?3 WHERE id = ?1 AND environment = ?2";
    Step::one(sql, vec![user.into(), environment.into(), method.into()], Miss::UserChanged)
}

/// Begins the user's next epoch: elevated tokens and legacy MFA tokens of earlier ones are worth nothing any more.
pub fn bump_epoch(environment: EnvironmentId, user: UserId) -> Step {
    let sql = "UPDATE users SET epoch = epoch + 1 WHERE id = ?1 AND environment = ?2";
    Step::one(sql, vec![user.into(), environment.into()], Miss::UserChanged)
}

/// As `hold_version`, and writes the time of the visit.
pub fn hold_version_and_visit(environment: EnvironmentId, user: &User, now: Micros) -> Step {
    let sql = "UPDATE users SET last_visit = ?4 WHERE id = ?1 AND environment = ?2 AND version = ?3";
    Step::one(
        sql,
        vec![user.id.into(), environment.into(), user.version.into(), now.into()],
        Miss::UserChanged,
    )
}

/// Writes other profile fields. Names are unique in the environment: check `username_taken` in the same turn.
pub fn set_profile(environment: EnvironmentId, user: UserId, profile: &Profile) -> Step {
    let sql = "UPDATE users SET profile = ?3, username = ?4
               WHERE id = ?1 AND environment = ?2
                 AND NOT EXISTS (SELECT 1 FROM users o WHERE o.environment = ?2 AND o.username = ?4 AND o.id <> ?1)";
    let args: Vec<Value> =
        vec![user.into(), environment.into(), profile_json(profile), profile.username.as_deref().into()];
    Step::one(sql, args, Miss::Taken)
}

/// Removes the user with everything that is theirs.
pub fn delete(environment: EnvironmentId, user: UserId) -> Step {
    Step::one(
        "DELETE FROM users WHERE id = ?1 AND environment = ?2",
        vec![user.into(), environment.into()],
        Miss::NotFound,
    )
}

/// As `delete`; a user who is gone already is no miss.
pub fn delete_if_there(environment: EnvironmentId, user: UserId) -> Step {
    let sql = "DELETE FROM users WHERE id = ?1 AND environment = ?2";
    Step::any(sql, vec![user.into(), environment.into()])
}
