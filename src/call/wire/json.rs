//! Calls as JSON.

use super::view::Info;
use serde::Serialize;

#[derive(Serialize)]
struct Call<'a> {
    info: &'a Info<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
}

#[derive(Serialize)]
struct User<'a> {
    username: &'a str,
}

pub(super) fn call(info: &Info<'_>, username: Option<&str>) -> Vec<u8> {
    let user = username.map(|username| User { username });
    written(&Call { info, user })
}

pub(super) fn list(infos: &[Info<'_>]) -> Vec<u8> {
    let calls: Vec<_> = infos.iter().map(|info| Call { info, user: None }).collect();
    written(&calls)
}

fn written(body: &impl Serialize) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "fields of strings and integers always serialize, and a Vec takes them"
    )]
    serde_json::to_vec(body).expect("a call serializes")
}
