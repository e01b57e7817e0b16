use super::*;

fn server(name: &str) -> &'static Server {
    SERVERS.iter().find(|server| server.name == name).unwrap()
}

fn request(target: &str, fields: &[(&str, &str)]) -> Message {
    Message {
        method: b"GET".to_vec(),
        target: Some(target.as_bytes().to_vec()),
        authority: None,
        fields: fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect(),
        body: Vec::new(),
    }
}

#[track_caller]
fn check(target: &str, expect: &[(&str, &[&str])]) {
    for (name, places) in expect {
        let message = request(target, &[]);
        let read = Read { server: server(name), message: &message };
        let found: Vec<String> =
            read.places().iter().map(|it| String::from_utf8_lossy(&it.text()).into_owned()).collect();
        assert_eq!(found, *places, "{name} reads {target}");
    }
}

#[test]
fn slashes_are_merged_by_some_and_redirected_by_others() {
    check("//admin", &[("go", &[]), ("files", &["/admin"]), ("nginx", &["/admin"]), ("flask", &[])]);
}

#[test]
fn an_encoded_slash_divides_for_some() {
    check("/a%2Fb/../c", &[("go", &[]), ("nginx", &["/a/c"]), ("tomcat", &["/a/c"])]);
    let message = request("/a%2Fb", &[]);
    let read = Read { server: server("go"), message: &message };
    assert_eq!(read.places()[0].segments(), [b"a/b".to_vec()]);
}

#[test]
fn parameters_of_segments_are_tomcats() {
    check("/public/..;x=1/admin;y", &[("tomcat", &["/admin"]), ("nginx", &["/public/..;x=1/admin;y"])]);
}

#[test]
fn windows_reads_its_own_way() {
    check("/ADMIN.\\x%5cy", &[("iis", &["/admin/x/y", "/admin/x/y"])]);
    check("/%2561dmin", &[("iis", &["/%61dmin", "/admin"])]);
    check("/%u0061dmin", &[("iis", &["/admin", "/admin"])]);
}

#[test]
fn a_chain_decodes_until_nothing_is_left() {
    for target in ["/%252561dmin", "/x/%c0%ae%c0%ae/admin", "/admin%00.css", "/admin%3fx", "/%ef%bc%8fadmin"]
    {
        check(target, &[("chain", &["/admin"])]);
    }
}

#[test]
fn a_header_that_comes_twice_says_different_things() {
    let message = request("/", &[("X-Role", "user"), ("x_role", "admin")]);
    let values = |name| Read { server: server(name), message: &message }.header(b"x-role");
    assert_eq!(values("go"), [b"user"]);
    assert!(values("php").contains(&b"user, admin".to_vec()));
    assert!(values("chain").contains(&b"admin".to_vec()));
}

#[test]
fn a_parameter_that_comes_twice_says_different_things() {
    let message = request("/?a=1&a=2&b[]=3;A=4", &[]);
    let values = |server_name, name: &[u8]| {
        let read = Read { server: server(server_name), message: &message };
        read.parameter(name).iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("go", b"a"), ["1"]);
    assert_eq!(values("php", b"a"), ["2"]);
    assert_eq!(values("iis", b"a"), ["1,2"]);
    assert_eq!(values("express", b"b"), ["3;A=4"]);
    assert!(values("chain", b"a").contains(&"4".to_owned()));
}
