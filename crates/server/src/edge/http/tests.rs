//! How the log judges a request that reaches its deadline.

use std::future::pending;
use std::sync::Mutex;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use tower::ServiceExt;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

/// Keeps the levels of what is logged.
struct Levels(Arc<Mutex<Vec<Level>>>);

impl Subscriber for Levels {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("stile_server::edge::http")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(*event.metadata().level());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A body of which nothing ever comes.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_client_that_sends_no_body_is_no_error_of_the_server() {
    let levels = Arc::default();
    let _heard = tracing::subscriber::set_default(Levels(Arc::clone(&levels)));
    let router = Router::new()
        .route("/reads", post(|_: Bytes| async {}))
        .route("/hangs", post(pending::<()>))
        .layer(from_fn_with_state(Duration::from_millis(1), outer_layer));
    for (path, body, level) in [
        ("/reads", Body::new(Never), Level::DEBUG),
        ("/hangs", Body::new(Never), Level::ERROR),
        ("/hangs", Body::empty(), Level::ERROR),
    ] {
        let request = Request::post(path).body(body).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(std::mem::take(&mut *levels.lock().unwrap()), [level], "{path}");
    }
}
