//! The page's side: the only file that speaks `wasm_bindgen`.

use wasm_bindgen::prelude::wasm_bindgen;

/// Answers a question given as JSON, in JSON. Whatever is wrong with the question is part of the answer.
#[wasm_bindgen]
pub fn ask(question: &str) -> String {
    crate::answer(question)
}
