//! The part of ECMAScript the plugin can use. build.rs compiles against the same list.
//! Objects, functions, errors, iterators, strings, numbers, BigInt and Math are always there.

use rquickjs::context::intrinsic::{Json, MapSet, Promise, TypedArrays};

/// Promise is what the evaluation of a module answers with.
pub type Chosen = (Json, MapSet, TypedArrays, Promise);
