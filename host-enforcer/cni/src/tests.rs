use super::*;
use std::collections::HashMap;

/// The variables of a call about a pod.
fn variables(command: &str) -> HashMap<&'static str, String> {
    HashMap::from([
        ("CNI_COMMAND", command.to_owned()),
        ("CNI_CONTAINERID", "c0ffee".to_owned()),
        ("CNI_NETNS", "/nonexistent/netns".to_owned()),
        ("CNI_IFNAME", "eth0".to_owned()),
        ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=1-2".to_owned()),
    ])
}

fn call(variables: &HashMap<&str, String>, input: &str) -> Outcome {
    answer(|name| variables.get(name).cloned(), Ok(input.as_bytes()))
}

/// A configuration with these members besides.
fn configuration(besides: &str) -> String {
    format!(
        r#"{{"cniVersion":"1.0.0","name":"k8s","type":"bookend-cni","socket":"/nonexistent/cni.sock","timeoutSeconds":1{besides}}}"#
    )
}

const RESULT: &str = r#","prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"vethx"},{"name":"eth0","sandbox":"/n"}],"ips":[{"address":"10.1.0.5/24","interface":1},{"address":"fd00::5/64","interface":1}]}"#;

/// The code, the message and the details of a failure.
fn failure(outcome: &Outcome) -> (u64, String, String) {
    let Outcome::Failed(text) = outcome else { panic!("{outcome:?}") };
    let error: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(error["cniVersion"].is_string(), "{text}");
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (error["code"].as_u64().unwrap(), text("msg"), text("details"))
}

#[test]
fn the_versions_are_told_in_the_version_that_is_asked_in() {
    let outcome = call(&variables("VERSION"), r#"{"cniVersion":"0.4.0"}"#);
    let Outcome::Done(text) = outcome else { panic!("{outcome:?}") };
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["cniVersion"], "0.4.0");
    assert_eq!(told["supportedVersions"], serde_json::json!(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]));
}

#[test]
fn a_container_that_goes_is_let_go_whatever_is_wrong() {
    for input in ["", "junk", "{}", &configuration(""), &configuration(r#","junk":1"#)] {
        assert_eq!(call(&variables("DEL"), input), Outcome::Done(String::new()), "{input}");
    }
    let bare = HashMap::from([("CNI_COMMAND", "DEL".to_owned())]);
    assert_eq!(call(&bare, ""), Outcome::Done(String::new()));
    assert_eq!(call(&variables("GC"), "{}"), Outcome::Done(String::new()));
}

#[test]
fn what_is_missing_or_wrong_is_named_with_a_cure() {
    let told = |command: &str, input: &str| failure(&call(&variables(command), input));
    let (code, reason, _) = told("ADD", &configuration(RESULT));
    assert!(code == 4 && reason.contains("/nonexistent/netns"), "{code} {reason}");
    for (input, wanted, word) in [
        (&configuration("") as &str, 7, "no plugin did anything before"),
        ("junk", 6, "cannot be read"),
        ("[]", 6, "cannot be read"),
        (r#"{"cniVersion":"0.2.0"}"#, 1, "0.2.0"),
        (r#"{"timeoutSecond":3}"#, 7, "timeoutSecond"),
        (r#"{"timeoutSeconds":0}"#, 7, "timeoutSeconds"),
        (r#"{"socket":"here"}"#, 7, "socket"),
    ] {
        let (code, reason, cure) = told("ADD", input);
        assert!(code == wanted && reason.contains(word) && !cure.is_empty(), "{input}: {code} {reason}");
    }
    for name in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"] {
        let mut variables = variables("ADD");
        variables.remove(name);
        let (code, reason, _) = failure(&call(&variables, &configuration(RESULT)));
        assert!(code == 4 && reason.contains(name), "{name}: {code} {reason}");
    }
    let (code, reason, _) = told("NONSENSE", "{}");
    assert!(code == 4 && reason.contains("NONSENSE"));
}

#[test]
fn without_a_plugin_before_it_nothing_can_be_policed() {
    for besides in ["", r#","prevResult":null"#] {
        let configuration = Configuration::read(configuration(besides).as_bytes()).unwrap();
        let failure = configuration.addresses("eth0").unwrap_err().text("1.0.0");
        assert!(
            failure.contains("no plugin did anything before") && failure.contains("\"code\":7"),
            "{failure}"
        );
    }
}

#[test]
fn the_addresses_are_those_of_the_containers_interface() {
    let addresses = |result: &str| {
        let text = configuration(&format!(r#","prevResult":{result}"#));
        let found = Configuration::read(text.as_bytes()).unwrap().addresses("eth0");
        found
            .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
            .map_err(|error| error.text("1.0.0"))
    };
    // As bridge and ptp say it, as Calico does, as version 0.4.0 does, and with another interface beside.
    assert_eq!(
        addresses(r#"{"interfaces":[{"name":"br0"},{"name":"eth0","sandbox":"/n"}],"ips":[{"address":"10.1.0.5/24","interface":1}]}"#).unwrap(),
        ["10.1.0.5"]
    );
    assert_eq!(
        addresses(r#"{"interfaces":[{"name":"cali1"}],"ips":[{"address":"10.1.0.5/32","interface":0},{"address":"fd00::5/128"}]}"#).unwrap(),
        ["10.1.0.5", "fd00::5"]
    );
    assert_eq!(addresses(r#"{"ips":[{"version":"4","address":"10.1.0.5/32"}]}"#).unwrap(), ["10.1.0.5"]);
    assert_eq!(
        addresses(r#"{"interfaces":[{"name":"net1","sandbox":"/n"}],"ips":[{"address":"10.9.0.5/32","interface":0},{"address":"10.1.0.5/32"}]}"#).unwrap(),
        ["10.1.0.5"]
    );
    assert!(addresses(r#"{"ips":[]}"#).unwrap_err().contains("no address"));
    assert!(addresses(r#"{"ips":[{"address":"ten"}]}"#).unwrap_err().contains("`ten`"));
}

#[test]
fn the_result_of_those_before_is_passed_on_to_the_byte() {
    let odd = r#"{ "ips" :[ ], "cniVersion":"1.0.0",  "x": 1e3 }"#;
    let text = configuration(&format!(r#","prevResult":{odd}"#));
    assert_eq!(Configuration::read(text.as_bytes()).unwrap().result().unwrap(), odd);
}

#[test]
fn an_enforcer_that_is_gone_is_told_as_the_status() {
    let (code, reason, cure) = failure(&call(&variables("STATUS"), &configuration("")));
    assert!(
        code == 11 && reason.contains("no enforcer listens") && cure.contains("bookend-enforcer"),
        "{code} {reason}"
    );
}
