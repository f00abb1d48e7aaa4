//! HTTP: paths, the public base URL, request ids, bodies and headers that every function shares.
