//! Lists as a server tells them, over a real connection.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use serde::Deserialize;

use super::*;
use crate::{Access, kinds};

#[derive(Debug, Deserialize)]
struct Anything {}

/// A server of so many objects, each with as many bytes as said: where it is, and what limits it was asked for.
fn serve(sizes: Vec<usize>) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
            let of = |name: &str| {
                let value =
                    first.split(['?', '&', ' ']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
                value.and_then(|value| value.parse::<usize>().ok())
            };
            let (begin, limit) = (of("continue").unwrap_or_default(), of("limit").unwrap());
            noted.lock().unwrap().push(limit);
            let end = (begin + limit).min(sizes.len());
            let items: Vec<String> = (begin..end)
                .map(|number| {
                    let padding = "x".repeat(sizes[number]);
                    format!(
                        r#"{{"metadata":{{"name":"o{number}","uid":"u{number}","resourceVersion":"1"}},"spec":"{padding}"}}"#
                    )
                })
                .collect();
            let token = if end < sizes.len() { end.to_string() } else { String::new() };
            let body = format!(
                r#"{{"metadata":{{"resourceVersion":"1","continue":"{token}"}},"items":[{}]}}"#,
                items.join(",")
            );
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            // Whoever has read enough does not wait for the end.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    (address, asked)
}

/// What is told until the list is complete or something is wrong.
fn listed(address: &str) -> (Vec<String>, Option<Trouble>) {
    let place =
        std::env::temp_dir().join(format!("bookend-watch-{}-{}", std::process::id(), crate::chance()));
    let file = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{ server: \"{address}\" }}\n\
         users:\n- name: c\n  user: {{}}\ncontexts:\n- name: c\n  context: {{ cluster: c, user: c }}\n"
    );
    std::fs::write(&place, file).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let access = Access { kubeconfig: Some(place.clone()), context: None };
        let cluster = Cluster::connect(&access).await.unwrap();
        let mut events = Box::pin(watch::<Anything>(&cluster, &kinds::POD, &Scope::all()));
        let mut names = Vec::new();
        loop {
            match events.next().await.unwrap() {
                Event::Put(key, _) => names.push(key.name),
                Event::Synced => return (names, None),
                Event::Trouble(trouble) => return (names, Some(trouble)),
                _ => {}
            }
        }
    });
    std::fs::remove_file(place).unwrap();
    told
}

#[test]
fn a_list_with_huge_objects_is_told_whole_in_pages_of_few() {
    let mut sizes = vec![1_000; 1_200];
    (sizes[300], sizes[301], sizes[900]) = (9 << 20, 9 << 20, 5 << 20);
    let (address, asked) = serve(sizes);
    let (names, trouble) = listed(&address);
    assert_eq!(trouble, None);
    let wanted: Vec<String> = (0..1_200).map(|number| format!("o{number}")).collect();
    assert_eq!(names, wanted);
    let asked = asked.lock().unwrap();
    assert!(asked.contains(&1) && asked.len() < 80, "{asked:?}");
    assert_eq!(asked.last(), Some(&500), "{asked:?}");
}

#[test]
fn an_object_that_nobody_could_read_is_told_as_an_outage_with_a_cure() {
    let (address, asked) = serve(vec![1_000, LONGEST, 1_000]);
    let (names, trouble) = listed(&address);
    let told = trouble.unwrap().to_string();
    assert!(told.contains("more than 24 MiB about one of `pods`"), "{told}");
    assert_eq!((names, asked.lock().unwrap().last()), (vec!["o0".to_owned()], Some(&1)));
}
