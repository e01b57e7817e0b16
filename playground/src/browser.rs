//! The page's side: the only file that speaks `wasm_bindgen`.

use std::cell::RefCell;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::Playground;

thread_local! {
    // A worker of a page is one thread, and has one of these.
    static PLAYGROUND: RefCell<Playground> = RefCell::default();
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Runs once, before anything is asked: the last words of an engine that traps go to the console.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| console_error(&format!("bookend: {panic}"))));
}

/// Answers a question given as JSON, in JSON. Whatever is wrong with the question is part of the answer; after a trap the whole
/// instance is to be thrown away.
#[wasm_bindgen]
pub fn ask(question: &str) -> String {
    PLAYGROUND.with_borrow_mut(|playground| playground.ask(question))
}
