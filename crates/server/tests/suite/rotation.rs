//! Signing keys that two nodes change at the same time.

use stile_server::flows::environments;

use crate::world::{ENVIRONMENT, World};

/// Without a common row to wait for, each would keep its own key beside the other's, which it does not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_rotations_at_once_one_key_stays() {
    let world = World::new().await;
    let nodes = [world.app.store.clone(), world.other_node().await];
    for (round, at_once) in [true, false].into_iter().cycle().take(10).enumerate() {
        let rotate = |number: usize| {
            let (store, keys, now) = (nodes[number % 2].clone(), world.app.keys.clone(), world.now());
            tokio::spawn(async move { environments::rotate(&store, &keys, now, ENVIRONMENT, at_once).await })
        };
        let under_way: Vec<_> = (0..8).map(rotate).collect();
        let mut made = Vec::new();
        for rotation in under_way {
            made.push(rotation.await.unwrap().unwrap().0);
        }
        let keys = nodes[0].signing_keys(ENVIRONMENT).await.unwrap();
        let current: Vec<_> = keys.iter().filter(|key| key.verifies_until.is_none()).collect();
        assert_eq!(current.len(), 1, "round {round}: {} keys", keys.len());
        assert!(made.contains(&current[0].kid));
        if at_once {
            assert_eq!(keys.len(), 1, "round {round}: a key that may be known to others is left");
        }
    }
}
