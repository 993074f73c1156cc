//! Opening: each refusal says why, and none repeats a password.

use std::time::Duration;

use stile_store::{OpenError, Store, environments};

use super::database::Database;
use crate::engines::on_postgres;
use crate::world::*;

async fn refusal(url: &str) -> String {
    match tokio::time::timeout(Duration::from_secs(20), Store::postgres(url, NOW)).await.unwrap() {
        Err(error @ OpenError::Unusable { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn a_server_that_is_not_there_is_named_and_the_password_is_not() {
    crate::engines::run(async {
        let error = refusal("postgres://stile:hunter2@127.0.0.1:1/stile").await;
        assert!(error.contains("127.0.0.1") && error.contains("refused"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = refusal("postgres://stile:hunter2@127.0.0.1:1/stile?sslrootcert=/none").await;
        assert!(error.contains("sslrootcert") && !error.contains("hunter2"), "{error}");
    });
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    on_postgres(async |db| {
        let proxy = super::proxy::Proxy::new(db.database()).await;
        let error = refusal(&format!("{}?sslmode=require", proxy.url)).await;
        assert!(error.to_lowercase().contains("tls"), "{error}");
    });
}

#[test]
fn an_altered_or_newer_schema_is_refused_and_left_as_it_is() {
    on_postgres(async |db| {
        let (url, raw) = (db.database().url(), db.database().raw().await);
        raw.batch_execute("UPDATE migrations SET checksum = checksum + 1 WHERE version = 1").await.unwrap();
        assert!(matches!(Store::postgres(&url, NOW).await.err(), Some(OpenError::Altered(1))));
        let newer = "UPDATE migrations SET checksum = checksum - 1 WHERE version = 1;
                     INSERT INTO migrations VALUES (900, 1, 1)";
        raw.batch_execute(newer).await.unwrap();
        assert!(matches!(Store::postgres(&url, NOW).await.err(), Some(OpenError::Newer { found: 900, .. })));
        raw.batch_execute("DELETE FROM migrations WHERE version = 900").await.unwrap();
        Store::postgres(&url, NOW).await.unwrap();
    });
}

#[test]
fn tables_are_where_the_search_path_says() {
    on_postgres(async |_| {
        let database = Database::empty();
        let raw = database.raw().await;
        // Another program has its own tables of these names in the schema that everybody shares.
        raw.batch_execute("CREATE TABLE migrations (id TEXT); CREATE TABLE users (id TEXT)").await.unwrap();
        let url = format!("{}&options=-c%20search_path%3Dapart%2Cpublic", database.url());
        let error = refusal(&format!("{}&options=-c%20search_path%3Dapart", database.url())).await;
        assert!(error.contains("search_path"), "{error}");
        raw.batch_execute("CREATE SCHEMA apart").await.unwrap();
        for _ in 0..2 {
            let store = Store::postgres(&url, NOW).await.unwrap();
            assert!(store.environments().await.unwrap().len() < 2);
            let insert = environments::insert(&environment(1));
            let _taken = store.commit(stile_store::Mutation::new([insert])).await;
        }
        let sql = "SELECT COUNT(*) FROM apart.environments";
        assert_eq!(raw.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
    });
}

/// The tables may belong to somebody else, who alone may change them.
#[test]
fn a_role_that_may_only_use_the_tables_can() {
    on_postgres(async |db| {
        let raw = db.database().raw().await;
        raw.batch_execute(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE stile_test_user;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO stile_test_user",
        )
        .await
        .unwrap();
        let url = format!("{}&options=-c%20role%3Dstile_test_user", db.database().url());
        let store = Store::postgres(&url, NOW).await.unwrap();
        store.commit(stile_store::Mutation::new([environments::insert(&environment(1))])).await.unwrap();
        raw.batch_execute("DROP OWNED BY stile_test_user; DROP ROLE stile_test_user").await.unwrap();
    });
}

#[test]
fn another_encoding_is_refused() {
    on_postgres(async |_| {
        let database = Database::copy_of("template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
        let error = refusal(&database.url()).await;
        assert!(error.contains("LATIN1"), "{error}");
    });
}
