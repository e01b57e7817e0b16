//! A filter configuration is refused, or survives being written and read again.
#![no_main]

use bookend_engine::Configuration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(configuration) = Configuration::from_json(bytes) else { return };
    let json = configuration.to_json().expect("it was just read");
    assert_eq!(Configuration::from_json(&json).expect("it was just written"), configuration);
});
