//! Signing keys: published, signing, verifying only, gone.

use stile_core::Micros;
use stile_store::signing_keys::{delete_others, insert, retire_others};
use stile_store::{Miss, SigningKeyRow, environments};

use crate::engines::{Db, each};
use crate::world::*;

fn key(kid: &str, published_at: Micros) -> SigningKeyRow {
    SigningKeyRow {
        kid: kid.into(),
        algorithm: "ES256".into(),
        jwk: "{}".into(),
        sealed: vec![1, 2],
        published_at,
        signs_from: published_at.plus_seconds(300),
        verifies_until: None,
    }
}

async fn kids(db: &Db, environment: u64) -> Vec<(String, Option<Micros>)> {
    let keys = db.store.signing_keys(environment_id(environment)).await.unwrap();
    keys.into_iter().map(|k| (k.kid, k.verifies_until)).collect()
}

#[test]
fn a_rotation_lets_the_old_keys_run_out() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done([insert(one, &key("a", NOW)), insert(two, &key("a", NOW))]).await;
        assert_eq!(db.missed([insert(one, &key("a", at(9)))]).await, Miss::Taken);
        for (kid, now, until) in [("b", at(1_000), at(5_000)), ("c", at(2_000), at(6_000))] {
            db.done([
                insert(one, &key(kid, now)),
                retire_others(one, kid, until),
                environments::bump_version(one),
            ])
            .await;
        }
        // A key that runs out already keeps its own end.
        let rotated =
            [("c", None), ("b", Some(at(6_000))), ("a", Some(at(5_000)))].map(|(k, u)| (k.into(), u));
        assert_eq!(kids(&db, 1).await, rotated);
        assert_eq!(db.store.signing_keys(one).await.unwrap()[0], key("c", at(2_000)));
        assert_eq!(kids(&db, 2).await, [("a".into(), None)], "the other environment");
        assert_eq!(db.store.environment_version(one).await.unwrap(), Some(3));

        db.store.sweep(at(4_999)).await.unwrap();
        assert_eq!(kids(&db, 1).await.len(), 3);
        db.store.sweep(at(5_000)).await.unwrap();
        assert_eq!(kids(&db, 1).await, rotated[..2]);
        db.store.sweep(at(9_999)).await.unwrap();
        assert_eq!(kids(&db, 1).await, rotated[..1], "the current key stays");
    });
}

#[test]
fn after_a_compromise_only_the_new_key_is_left() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done([insert(one, &key("a", NOW)), insert(one, &key("b", at(1))), insert(two, &key("a", NOW))])
            .await;
        db.done([insert(one, &key("c", at(2))), delete_others(one, "c"), environments::bump_version(one)])
            .await;
        assert_eq!(kids(&db, 1).await, [("c".into(), None)]);
        assert_eq!(kids(&db, 2).await, [("a".into(), None)]);
    });
}
