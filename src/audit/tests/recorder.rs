//! What the recorder promises.

use super::support::{Bench, caller, done, open};
use crate::policy::Effect;

#[tokio::test]
async fn a_read_is_committed_with_its_outcome_and_a_change_before_it_runs() {
    let bench = Bench::new();
    let read = bench.decision("get_status", Effect::Allow, false);
    let recorded = bench
        .recorder
        .decision(read, &caller())
        .await
        .expect("recorded");
    assert_eq!(recorded.seq(), None, "a read has its place in line only");
    let of = recorded.outcome_of(&caller());
    let outcome = bench
        .recorder
        .outcome(of, done(), Vec::new())
        .await
        .expect("recorded");
    assert_eq!(outcome.seq(), Some(2), "the decision is number 1");

    let change = bench.decision("restart_service", Effect::Allow, true);
    let recorded = bench
        .recorder
        .decision(change, &caller())
        .await
        .expect("recorded");
    assert_eq!(recorded.seq(), Some(3));
    bench.recorder.close();
    let (_again, recovery) = open(&bench.store, &bench.clock);
    assert_eq!(recovery.closed, [recorded.get().request().action_id]);
}
