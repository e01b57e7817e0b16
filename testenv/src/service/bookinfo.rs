//! Bookinfo: the routes and answers of Istio's sample, small.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Server, call, text, typed};
use crate::world::topology::Workload;

/// The stars given, by product. Bookinfo keeps them in memory too.
#[derive(Debug, Default)]
pub(super) struct Ratings {
    given: Mutex<BTreeMap<u64, Value>>,
}

pub(super) async fn answer(server: &Server, workload: &Workload, head: &Parts, body: &[u8]) -> Answer {
    let path = head.uri.path();
    if path == "/health" {
        return json_answer(StatusCode::OK, &json!({ "status": format!("{} is healthy", workload.key) }));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (workload.service, parts.as_slice()) {
        (Some("productpage"), ["productpage"]) => productpage(head).await,
        (Some("productpage"), ["" | "login" | "logout"]) => typed(StatusCode::OK, HTML, page("Bookinfo", "")),
        (Some("productpage"), ["static", ..]) => text(StatusCode::OK, "/* plain */\n".to_owned()),
        (Some("productpage"), ["api", "v1", "products"]) => json_answer(StatusCode::OK, &json!([product()])),
        (Some("productpage"), ["api", "v1", "products", id]) => {
            passed_on("details", "details", id, head).await
        }
        (Some("productpage"), ["api", "v1", "products", id, "reviews"]) => {
            passed_on("reviews", "reviews", id, head).await
        }
        (Some("productpage"), ["api", "v1", "products", id, "ratings"]) => {
            passed_on("ratings", "ratings", id, head).await
        }
        (Some("details"), ["details", id]) => with_id(id, |id| json_answer(StatusCode::OK, &details(id))),
        (Some("reviews"), ["reviews", id]) => reviews(workload, id, head).await,
        (Some("ratings"), ["ratings", id]) => {
            with_id(id, |id| ratings(&server.ratings, id, &head.method, body))
        }
        _ => json_answer(StatusCode::NOT_FOUND, &json!({ "error": "no such page" })),
    }
}

const HTML: &str = "text/html; charset=utf-8";

async fn productpage(head: &Parts) -> Answer {
    let (details, reviews) =
        tokio::join!(call::get("details", "/details/0", head), call::get("reviews", "/reviews/0", head));
    let mut body = String::from(
        "<p>Wikipedia Summary: The Comedy of Errors is one of William Shakespeare's early plays.</p>",
    );
    match details {
        Ok((StatusCode::OK, details)) => {
            body.push_str("<h4>Book Details</h4><dl>");
            for (name, value) in details.as_object().into_iter().flatten() {
                body.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>"));
            }
            body.push_str("</dl>");
        }
        _ => body.push_str("<h4>Error fetching product details!</h4>"),
    }
    match reviews {
        Ok((StatusCode::OK, reviews)) => {
            let pod = reviews.get("podname").and_then(Value::as_str).unwrap_or("?");
            body.push_str(&format!("<h4>Book Reviews</h4><small>Reviews served by: {pod}</small>"));
            for review in reviews.get("reviews").and_then(Value::as_array).into_iter().flatten() {
                body.push_str(&review_text(review));
            }
        }
        _ => body.push_str("<h4>Error fetching product reviews!</h4>"),
    }
    typed(StatusCode::OK, HTML, page("The Comedy of Errors", &body))
}

fn review_text(review: &Value) -> String {
    let field = |name: &str| review.get(name).and_then(Value::as_str).unwrap_or_default();
    let stars = match review.get("rating") {
        Some(rating) => match rating.get("stars").and_then(Value::as_u64) {
            Some(stars) => format!("<p class=\"stars\">{}</p>", "\u{2605}".repeat(stars.min(5) as usize)),
            None => "<p>Ratings service is currently unavailable</p>".to_owned(),
        },
        None => String::new(),
    };
    format!("<blockquote><p>{}</p><small>{}</small>{stars}</blockquote>", field("text"), field("reviewer"))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html><head><title>Simple Bookstore App</title></head><body><h3>{title}</h3>{body}</body></html>\n"
    )
}

fn product() -> Value {
    json!({ "id": 0, "title": "The Comedy of Errors" })
}

fn details(id: u64) -> Value {
    json!({
        "id": id, "author": "William Shakespeare", "year": 1595, "type": "paperback", "pages": 200,
        "publisher": "PublisherA", "language": "English", "ISBN-10": "1234567890", "ISBN-13": "123-1234567890",
    })
}

/// Version 1 shows no stars; version 2 black ones, version 3 red ones.
async fn reviews(workload: &Workload, id: &str, head: &Parts) -> Answer {
    let Ok(number) = id.parse::<u64>() else { return bad_id() };
    let color = match workload.labels.iter().find(|(name, _)| *name == "version").map(|(_, value)| *value) {
        Some("v2") => Some("black"),
        Some("v3") => Some("red"),
        _ => None,
    };
    let stars = match color {
        Some(_) => call::get("ratings", &format!("/ratings/{number}"), head).await.ok(),
        None => None,
    };
    let rating = |reviewer: &str| match (&stars, color) {
        (_, None) => None,
        (Some((StatusCode::OK, value)), Some(color)) => {
            let stars = value.pointer(&format!("/ratings/{reviewer}"))?;
            Some(json!({ "stars": stars, "color": color }))
        }
        _ => Some(json!({ "error": "Ratings service is currently unavailable" })),
    };
    let written = [
        ("Reviewer1", "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!"),
        (
            "Reviewer2",
            "Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays by Shakespeare.",
        ),
    ];
    let reviews: Vec<Value> = written
        .iter()
        .map(|(reviewer, text)| {
            let mut review = json!({ "reviewer": reviewer, "text": text });
            if let (Some(fields), Some(rating)) = (review.as_object_mut(), rating(reviewer)) {
                fields.insert("rating".to_owned(), rating);
            }
            review
        })
        .collect();
    let answer = json!({ "id": id, "podname": workload.pod, "clustername": "null", "reviews": reviews });
    json_answer(StatusCode::OK, &answer)
}

fn ratings(ratings: &Ratings, id: u64, method: &Method, body: &[u8]) -> Answer {
    let mut given = ratings.given.lock().unwrap_or_else(PoisonError::into_inner);
    match *method {
        Method::GET | Method::HEAD => {
            let stars = given.get(&id).cloned().unwrap_or_else(|| json!({ "Reviewer1": 5, "Reviewer2": 4 }));
            json_answer(StatusCode::OK, &json!({ "id": id, "ratings": stars }))
        }
        Method::POST => match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(stars)) => {
                let stars = Value::Object(stars);
                given.insert(id, stars.clone());
                json_answer(StatusCode::OK, &json!({ "id": id, "ratings": stars }))
            }
            _ => {
                json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "please provide valid ratings JSON" }))
            }
        },
        _ => json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "method not allowed" })),
    }
}

async fn passed_on(service: &str, resource: &str, id: &str, head: &Parts) -> Answer {
    let Ok(id) = id.parse::<u64>() else { return bad_id() };
    match call::get(service, &format!("/{resource}/{id}"), head).await {
        Ok((status, value)) => json_answer(status, &value),
        Err(error) => json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error.to_string() })),
    }
}

fn with_id(id: &str, answer: impl FnOnce(u64) -> Answer) -> Answer {
    id.parse().map_or_else(|_| bad_id(), answer)
}

fn bad_id() -> Answer {
    json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "please provide numeric product ID" }))
}

fn json_answer(status: StatusCode, value: &Value) -> Answer {
    typed(status, "application/json", value.to_string())
}
