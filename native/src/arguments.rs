//! The arguments of a native call: JavaScript values as what the call takes, or why the call does not take place.
//! Raw engine calls rather than rquickjs's own functions: those make a closure object per function when the program
//! starts, and refuse a string with a lone surrogate.

use crate::answer::Answer;
use crate::sys::Errno;
use rquickjs::qjs;
use std::ffi::{CStr, c_char, c_int};
use std::slice;

/// Why a native call did not take place.
pub enum Refusal {
    /// A defect of the caller: "argument 2 of openat is not a string".
    Argument { position: c_int, expected: &'static CStr },
    /// An argument the kernel could not have accepted; the answer, as of any failed call.
    Errno(Errno),
    /// The engine has an exception pending.
    Thrown,
}

impl Refusal {
    /// The value the call ends with.
    pub fn into_value(self, context: *mut qjs::JSContext, call: &CStr) -> qjs::JSValue {
        match self {
            Self::Errno(errno) => Err::<c_int, _>(errno).into_value(context),
            Self::Thrown => qjs::JS_EXCEPTION,
            Self::Argument { position, expected } => {
                let format = c"argument %d of %s is not %s".as_ptr();
                // SAFETY: the arguments are what the format asks for.
                unsafe { qjs::JS_ThrowTypeError(context, format, position, call.as_ptr(), expected.as_ptr()) }
            }
        }
    }
}

/// The arguments of one call, taken in order. What is borrowed lives as long as the call.
pub struct Arguments<'a> {
    pub context: *mut qjs::JSContext,
    values: slice::Iter<'a, qjs::JSValue>,
    position: c_int,
    texts: Vec<*const c_char>,
}

impl Drop for Arguments<'_> {
    fn drop(&mut self) {
        for &text in &self.texts {
            // SAFETY: each came from JS_ToCStringLen and is given back once.
            unsafe { qjs::JS_FreeCString(self.context, text) };
        }
    }
}

impl<'a> Arguments<'a> {
    /// # Safety
    /// `values` holds `count` values that outlive the result, of the engine that `context` belongs to.
    pub unsafe fn new(context: *mut qjs::JSContext, values: *const qjs::JSValue, count: c_int) -> Self {
        // SAFETY: as promised by the caller; the engine may pass a null pointer for no arguments.
        let values = if count == 0 { &[] } else { unsafe { slice::from_raw_parts(values, count as usize) } };
        Self { context, values: values.iter(), position: 0, texts: vec![] }
    }

    /// An integer; numbers from 2³¹ to 2³²−1 are the same bits.
    pub fn int(&mut self) -> Result<c_int, Refusal> {
        let value = self.next();
        self.as_int(value)
    }

    /// A count of bytes.
    pub fn size(&mut self) -> Result<usize, Refusal> {
        let size = self.int()?;
        usize::try_from(size).map_err(|_| self.refusal(c"a size"))
    }

    /// A number of any kind.
    pub fn number(&mut self) -> Result<f64, Refusal> {
        let value = self.next();
        number(value).ok_or_else(|| self.refusal(c"a number"))
    }

    /// The bytes of a Uint8Array.
    pub fn bytes(&mut self) -> Result<&'a [u8], Refusal> {
        let value = self.next();
        let mut length = 0;
        // SAFETY: JS_GetUint8Array is asked only about what is one. No script runs during the call, so nothing moves or
        // frees the bytes; an empty array may have a null pointer.
        unsafe {
            if qjs::JS_GetTypedArrayType(value) != qjs::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8 as c_int {
                return Err(self.refusal(c"a Uint8Array"));
            }
            let bytes = qjs::JS_GetUint8Array(self.context, &raw mut length, value);
            if length == 0 {
                return Ok(&[]);
            }
            if bytes.is_null() { Err(Refusal::Thrown) } else { Ok(slice::from_raw_parts(bytes, length as usize)) }
        }
    }

    /// The UTF-8 bytes of a string; a lone surrogate becomes U+FFFD.
    pub fn text(&mut self) -> Result<&'a [u8], Refusal> {
        let value = self.next();
        self.as_text(value)
    }

    /// A string for the kernel: −EINVAL where it has a NUL inside.
    pub fn path(&mut self) -> Result<&'a CStr, Refusal> {
        let value = self.next();
        self.as_path(value)
    }

    pub fn ints(&mut self) -> Result<Vec<c_int>, Refusal> {
        self.list(Self::as_int)
    }

    pub fn paths(&mut self) -> Result<Vec<&'a CStr>, Refusal> {
        self.list(Self::as_path)
    }

    fn next(&mut self) -> qjs::JSValue {
        self.position += 1;
        self.values.next().copied().unwrap_or(qjs::JS_UNDEFINED)
    }

    fn refusal(&self, expected: &'static CStr) -> Refusal {
        Refusal::Argument { position: self.position, expected }
    }

    fn as_int(&mut self, value: qjs::JSValue) -> Result<c_int, Refusal> {
        let number = number(value).unwrap_or(f64::NAN);
        if number.fract() == 0.0 && number >= f64::from(i32::MIN) && number <= f64::from(u32::MAX) {
            Ok(number as i64 as c_int)
        } else {
            Err(self.refusal(c"an integer of 32 bits"))
        }
    }

    fn as_text(&mut self, value: qjs::JSValue) -> Result<&'a [u8], Refusal> {
        // SAFETY: only strings are asked for, so no script runs. The text is held until the arguments are dropped.
        // Where it has a byte above 127 the engine made it for us (JS_ToCStringLen2), so it may be changed in place.
        unsafe {
            if !qjs::JS_IsString(value) {
                return Err(self.refusal(c"a string"));
            }
            let mut length = 0;
            let text = qjs::JS_ToCStringLen(self.context, &raw mut length, value);
            if text.is_null() {
                return Err(Refusal::Thrown);
            }
            self.texts.push(text);
            let bytes = slice::from_raw_parts(text.cast::<u8>(), length);
            if bytes.is_ascii() {
                return Ok(bytes);
            }
            let bytes = slice::from_raw_parts_mut(text.cast_mut().cast::<u8>(), length);
            replace_surrogates(bytes);
            Ok(bytes)
        }
    }

    fn as_path(&mut self, value: qjs::JSValue) -> Result<&'a CStr, Refusal> {
        let text = self.as_text(value)?;
        // SAFETY: the engine puts a NUL behind every text.
        let terminated = unsafe { slice::from_raw_parts(text.as_ptr(), text.len() + 1) };
        CStr::from_bytes_with_nul(terminated).map_err(|_| Refusal::Errno(Errno(libc::EINVAL)))
    }

    fn list<T>(&mut self, element: impl Fn(&mut Self, qjs::JSValue) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let array = self.next();
        // SAFETY: only arrays are asked for; each element is given back after it was read.
        unsafe {
            if !qjs::JS_IsArray(array) {
                return Err(self.refusal(c"an array"));
            }
            let mut length = 0;
            if qjs::JS_GetLength(self.context, array, &raw mut length) < 0 {
                return Err(Refusal::Thrown);
            }
            (0..length as u32)
                .map(|index| {
                    let value = qjs::JS_GetPropertyUint32(self.context, array, index);
                    let taken = element(self, value);
                    qjs::JS_FreeValue(self.context, value);
                    taken
                })
                .collect()
        }
    }
}

fn number(value: qjs::JSValue) -> Option<f64> {
    // SAFETY: each union field is read under its own tag.
    unsafe {
        let tag = qjs::JS_VALUE_GET_NORM_TAG(value);
        if tag == qjs::JS_TAG_INT {
            Some(f64::from(qjs::JS_VALUE_GET_INT(value)))
        } else if qjs::JS_TAG_IS_FLOAT64(tag) {
            Some(qjs::JS_VALUE_GET_FLOAT64(value))
        } else {
            None
        }
    }
}

/// The engine writes a lone surrogate as if it were a character: ED, A0 to BF, one more. U+FFFD is as long.
fn replace_surrogates(text: &mut [u8]) {
    for at in 0..text.len().saturating_sub(2) {
        if text[at] == 0xed && text[at + 1] >= 0xa0 {
            text[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
}
