//! The engine makes each of its own functions when the property that holds it is first read. A snapshot had better hold them
//! all: one in thirty instructions of an ADD went into that.

use rquickjs::qjs;
use std::mem::MaybeUninit;
use std::ptr;

/// Reads every property of `roots`, and of all objects that they lead to.
///
/// # Safety
/// `context` is live and entered, and `roots` objects of its own.
pub unsafe fn make_all(context: *mut qjs::JSContext, roots: &[qjs::JSValue]) {
    let mut objects = roots.to_vec();
    let mut next = 0;
    while let Some(&object) = objects.get(next) {
        next += 1;
        // SAFETY: as promised; whatever is found lives as long as what leads to it, which is for good.
        unsafe {
            let mut found = vec![qjs::JS_GetPrototype(context, object)];
            each_property(context, object, |descriptor| {
                found.extend([descriptor.value, descriptor.getter, descriptor.setter]);
            });
            for value in found {
                let is_new = qjs::JS_IsObject(value)
                    && !objects.iter().any(|&known| qjs::JS_VALUE_GET_PTR(known) == qjs::JS_VALUE_GET_PTR(value));
                if is_new {
                    objects.push(value);
                }
                qjs::JS_FreeValue(context, value);
            }
        }
    }
}

/// # Safety
/// As above.
unsafe fn each_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    mut take: impl FnMut(&qjs::JSPropertyDescriptor),
) {
    let (mut names, mut count) = (ptr::null_mut(), 0);
    // SAFETY: as promised; the engine fills what it says that it has filled.
    unsafe {
        let kinds = (qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_SYMBOL_MASK) as i32;
        if qjs::JS_GetOwnPropertyNames(context, &raw mut names, &raw mut count, object, kinds) < 0 {
            return;
        }
        for index in 0..count as usize {
            let mut descriptor = MaybeUninit::uninit();
            // By its descriptor, so that no getter is called.
            if qjs::JS_GetOwnProperty(context, descriptor.as_mut_ptr(), object, (*names.add(index)).atom) > 0 {
                take(descriptor.assume_init_ref());
            }
        }
        qjs::JS_FreePropertyEnum(context, names, count);
    }
}
