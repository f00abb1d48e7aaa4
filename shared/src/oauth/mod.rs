//! OAuth 2.0 as Blue Button speaks it: requests, scopes, PKCE, clients, grants, codes, tokens.
