//! A panic ends the instance, and promises that wait for it would wait for ever: tell the worker instead.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

thread_local! {
    static HANDLER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `handler(message)` when this instance panics. Nothing of the instance may be used after that.
#[wasm_bindgen]
pub fn set_panic_handler(handler: Function) {
    HANDLER.with_borrow_mut(|slot| *slot = Some(handler));
    std::panic::set_hook(Box::new(|info| {
        let message = JsValue::from(info.to_string());
        HANDLER.with_borrow(|slot| {
            if let Some(handler) = slot {
                // The instance is lost already: a handler that throws changes nothing.
                let _ = handler.call1(&JsValue::NULL, &message);
            }
        });
    }));
}
