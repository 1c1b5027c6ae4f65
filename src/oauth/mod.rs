//! The OAuth 2.0 authorization server.

/// The `[oauth]` section.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
