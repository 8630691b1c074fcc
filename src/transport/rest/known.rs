//! Streams end with the credential that opened them (`spec/identity.md`: revoked at once, streams within two seconds).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::extract::Asker;
use crate::pipeline::{Credentials, Pipeline};

/// How often it is looked whether the credential still counts.
const LOOK: Duration = Duration::from_secs(1);

/// The response, which ends when its asker is nobody any more, if it has no other end.
pub(super) fn while_known(
    response: Response,
    pipeline: &Arc<Pipeline>,
    asker: Option<Asker>,
) -> Response {
    let media = response.headers().get(header::CONTENT_TYPE);
    let streams = media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"));
    // Whoever stands on this machine or started the program cannot be revoked.
    let shown = asker.filter(|asker| matches!(asker.credentials, Credentials::Shown(_)));
    let Some(asker) = shown.filter(|_| streams) else {
        return response;
    };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pipeline = Arc::clone(pipeline);
    response.map(|body| {
        Body::new(WhileKnown {
            body,
            pipeline,
            asker,
            look,
            ended: false,
        })
    })
}

/// A body that ends with its reader's credential.
struct WhileKnown {
    body: Body,
    pipeline: Arc<Pipeline>,
    asker: Asker,
    look: Interval,
    ended: bool,
}

impl HttpBody for WhileKnown {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while !self.ended && self.look.poll_tick(cx).is_ready() {
            let Asker {
                caller,
                credentials,
                ..
            } = &self.asker;
            self.ended = self.pipeline.roles(caller, credentials).is_none();
        }
        if self.ended {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
