//! Connections.

use bookend_harness::{Conversation, Course, Delivery, Properties};

use crate::started;

fn played(from_peer: &str) -> Option<Delivery> {
    let mut instance = started("tcp")?;
    let conversation = Conversation {
        from_peer: from_peer.into(),
        from_service: b"welcome".to_vec(),
        ..Conversation::default()
    };
    Some(instance.tcp_connection(&conversation).expect("the guest lives"))
}

#[test]
fn what_may_pass_goes_on_in_both_directions_and_can_be_changed() {
    let Some(delivery) = played("hello, world") else { return };
    assert_eq!((delivery.to_service, delivery.to_peer), (b"hello, world".to_vec(), b"welcome!".to_vec()));
    assert!(!delivery.refused);
    let said: Vec<_> = delivery.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["closed: Remote", "logged"]);
}

#[test]
fn a_closed_connection_delivers_nothing() {
    let Some(delivery) = played("help") else { return };
    assert_eq!((delivery.refused, delivery.to_service, delivery.to_peer), (true, Vec::new(), Vec::new()));
    let said: Vec<_> = delivery.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["closed: Local", "logged"]);
}

#[test]
fn what_is_held_is_shown_again_with_what_follows() {
    let Some(mut instance) = started("tcp") else { return };
    let (it, course) = instance.open_tcp(Properties::new()).expect("the guest lives");
    assert_eq!(course, Course::Running);
    assert_eq!(instance.downstream_data(it, b"he", false), Ok(Course::Stopped));
    assert_eq!(instance.downstream_data(it, b"llo", true), Ok(Course::Running));
    assert_eq!(instance.finish_tcp(it).expect("the guest lives").to_service, b"hello");
}
