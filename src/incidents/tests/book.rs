use super::*;

fn denial(agent: usize, at: i64) -> Denial {
    Denial {
        attempts: 1,
        seq: 1,
        at: Timestamp::from_millis(at),
        action_id: None,
        agent: Arc::from(format!("agent-{agent}")),
        tool: Arc::from("t"),
        code: Arc::from("rule_deny"),
        reason: String::new(),
        policy: None,
        opening: None,
        run: Some(1),
    }
}

fn tracked(number: usize, unwritten: u64) -> Tracked {
    Tracked {
        number: u64::try_from(number).expect("fits"),
        severity: Severity::Medium,
        last_at: Timestamp::from_millis(i64::try_from(number).expect("fits")),
        last_seq: 1,
        unwritten,
        written: Duration::ZERO,
        armed: false,
    }
}

fn key(agent: usize) -> Key {
    Key {
        agent: Arc::from(format!("agent-{agent}")),
        code: Arc::from("rule_deny"),
        tool: Some(Arc::from("t")),
    }
}

#[test]
fn of_too_many_incidents_the_quietest_half_is_forgotten_but_for_what_is_not_written() {
    let mut book = Book::new(Config::default());
    for number in 0..=TRACKED {
        book.track(key(number), tracked(number, u64::from(number == 3)));
    }
    assert!(
        book.tracked.len() <= TRACKED / 2 + 2,
        "{}",
        book.tracked.len()
    );
    assert_eq!(book.of_agent.len(), book.tracked.len());
    assert_eq!(book.numbers.len(), book.tracked.len());
    assert!(book.numbered(3).is_some(), "its count is written first");
    assert!(book.numbered(4).is_none());
    assert!(book.numbered(10_000).is_some());
}

#[test]
fn of_too_many_agents_those_that_were_quiet_longest_start_anew() {
    let mut book = Book::new(Config::default());
    for agent in 0..=WATCHED {
        let at = i64::try_from(agent).expect("fits");
        assert_eq!(book.count_run(&denial(agent, at)), None);
    }
    assert!(book.runs.len() <= WATCHED / 2 + 1, "{}", book.runs.len());
    assert!(!book.runs.contains_key("agent-0"));
    assert!(book.runs.contains_key("agent-9999"));
}

#[test]
fn a_new_incident_of_a_key_takes_the_place_of_the_old_one() {
    let mut book = Book::new(Config::default());
    book.track(key(1), tracked(1, 0));
    book.track(key(1), tracked(2, 0));
    assert!(book.numbered(1).is_none());
    assert_eq!((book.tracked.len(), book.of("agent-1")), (1, 1));
    book.release(2);
    assert_eq!((book.tracked.len(), book.of("agent-1")), (0, 0));
}
