//! The answer of a native call as a value of the engine. One `Answer` for each kind that the table in host.rs has.

use crate::sys::{self, Errno, file::Stat, spawn::Ended};
use crate::text::Text;
use rquickjs::qjs;
use std::ffi::{CStr, c_int};

/// What a native call answers with, as a value of the engine. The value is the caller's to give back.
pub trait Answer {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue;
}

impl Answer for c_int {
    fn into_value(self, _: *mut qjs::JSContext) -> qjs::JSValue {
        qjs::JS_MKVAL(qjs::JS_TAG_INT, self)
    }
}

impl Answer for f64 {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        // SAFETY: makes a number and touches nothing.
        unsafe { qjs::JS_NewNumber(context, self) }
    }
}

impl Answer for bool {
    fn into_value(self, _: *mut qjs::JSContext) -> qjs::JSValue {
        if self { qjs::JS_TRUE } else { qjs::JS_FALSE }
    }
}

impl Answer for Vec<u8> {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        self.as_slice().into_value(context)
    }
}

impl Answer for &[u8] {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        // SAFETY: the engine copies the bytes.
        unsafe { qjs::JS_NewUint8ArrayCopy(context, self.as_ptr(), self.len() as qjs::size_t) }
    }
}

impl<T: AsRef<[u8]>> Answer for Text<T> {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        let text = self.to_valid();
        // SAFETY: the engine copies the text.
        unsafe { qjs::JS_NewStringLen(context, text.as_ptr().cast(), text.len() as qjs::size_t) }
    }
}

impl<T: Answer> Answer for Option<T> {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        self.map_or(qjs::JS_UNDEFINED, |answer| answer.into_value(context))
    }
}

impl<T: AsRef<[u8]>> Answer for Vec<Text<T>> {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        let values: Vec<_> = self.into_iter().map(|text| text.into_value(context)).collect();
        // SAFETY: the array takes the values over, exceptions among them too.
        unsafe { qjs::JS_NewArrayFrom(context, values.len() as c_int, values.as_ptr()) }
    }
}

impl<T: Answer> Answer for sys::Result<T> {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        match self {
            Ok(answer) => answer.into_value(context),
            Err(Errno(errno)) => (-errno).into_value(context),
        }
    }
}

impl Answer for Stat {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        let names = [c"dev", c"ino", c"mode", c"size", c"mtimeMs"];
        let values = [self.dev, self.ino, self.mode, self.size, self.mtime_ms];
        object(context, names, values.map(|value| value.into_value(context)))
    }
}

impl Answer for Ended {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        let names = [c"status", c"signal", c"timedOut", c"stdout", c"stderr"];
        let values = [
            self.status.into_value(context),
            self.signal.into_value(context),
            self.timed_out.into_value(context),
            self.stdout.into_value(context),
            self.stderr.into_value(context),
        ];
        object(context, names, values)
    }
}

fn object<const N: usize>(
    context: *mut qjs::JSContext,
    names: [&'static CStr; N],
    values: [qjs::JSValue; N],
) -> qjs::JSValue {
    let mut names = names.map(CStr::as_ptr);
    // SAFETY: as many names as values; the object takes the values over.
    unsafe { qjs::JS_NewObjectFromStr(context, N as c_int, names.as_mut_ptr(), values.as_ptr()) }
}
