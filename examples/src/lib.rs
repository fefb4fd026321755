//! Examples of the wanctl libraries, as explicit targets.
