use super::*;
use crate::Head;

#[test]
fn a_method_in_other_case_is_in_doubt() {
    let http = HttpMatch { methods: Clause::only("DELETE".into()), ..HttpMatch::default() };
    let holds = |method: Option<&'static [u8]>| {
        http.method_holds(&Request::new(Head { method, path: Some(b"/"), ..Head::default() }))
    };
    assert_eq!(holds(Some(b"DELETE")), Truth::Yes);
    assert_eq!(holds(Some(b"delete")), Truth::Unknown);
    assert_eq!(holds(Some(b"Delete")), Truth::Unknown);
    assert_eq!(holds(Some(b"GET")), Truth::No);
    assert_eq!(holds(Some(b"\xff")), Truth::Unknown);
    assert_eq!(holds(None), Truth::Unknown);
}
