// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What goes over the wire, and how everything that can go wrong there is told apart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod server;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use apis::cnapi::{Script, ServerFilter};
use apis::sapi::{Configs, NewInstance};
use apis::{ApiError, Client, Cnapi, Endpoint, ErrorKind, Imgapi, Papi, Sapi, Uuid, Vmapi};
use serde_json::json;
use server::{Reply, Server, client_of, options};

const SOME: Uuid = Uuid::from_u128(0x0a4b_1c6e_7d52_4f0e_9a53_3c1d_5e8f_7001);

fn sapi_gets(reply: Reply) -> ApiError {
    let server = Server::one(reply);
    Sapi::new(server.client("sapi"))
        .get_instance(SOME)
        .unwrap_err()
}

#[test]
fn a_closed_connection_is_told_apart_from_an_empty_answer() {
    let closed = sapi_gets(Reply::Raw(Vec::new()));
    assert!(matches!(closed.kind, ErrorKind::Closed { .. }), "{closed}");
    assert!(closed.is_down() && closed.may_retry() && !closed.is_not_found());
    let empty = sapi_gets(Reply::empty(404));
    assert!(empty.is_not_found() && !empty.is_down());
    assert_eq!(empty.status(), Some(404));
}

#[test]
fn an_answer_cut_short_is_no_answer() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"uuid\":".to_vec();
    let cut = sapi_gets(Reply::Raw(head));
    assert!(matches!(cut.kind, ErrorKind::Closed { .. }), "{cut}");
}

#[test]
fn what_may_have_been_done_is_not_tried_again() {
    let server = Server::one(Reply::Raw(Vec::new()));
    let sapi = Sapi::new(server.client("sapi"));
    let died = sapi.create_instance(&NewInstance::of(SOME)).unwrap_err();
    assert!(died.is_down() && !died.may_retry(), "{died}");
    assert!(
        died.advice().contains("look at what it did"),
        "{}",
        died.advice()
    );
}

#[test]
fn a_500_of_another_program_is_quoted() {
    let page = Reply::Whole(500, Vec::new(), b"<h1>Oops</h1>".to_vec());
    let error = sapi_gets(page);
    assert_eq!(error.code(), None);
    assert!(
        error.to_string().contains("answered 500: <h1>Oops</h1>"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with(&format!("sapi GET /instances/{SOME} at http://127."))
    );
}

#[test]
fn a_404_of_a_router_does_not_say_that_the_object_is_gone() {
    let path = format!("/instances/{SOME}");
    let body = json!({"code": "ResourceNotFound", "message": format!("{path} does not exist")});
    assert!(!sapi_gets(Reply::json(404, body)).is_not_found());
}

#[test]
fn sapi_says_not_found_with_a_500_when_it_is_to_change_something() {
    let message = format!("updateObject failed: no record for bucket sapi_instances object {SOME}");
    let error = sapi_gets(Reply::json(500, json!({ "message": message })));
    assert!(error.is_not_found() && !error.may_retry());
}

#[test]
fn a_port_where_nothing_listens_is_unreachable_and_may_be_tried_again() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sapi = Sapi::new(client_of("sapi", &format!("http://{free}")));
    let refused = sapi.create_instance(&NewInstance::of(SOME)).unwrap_err();
    let expected = matches!(
        refused.kind,
        ErrorKind::Unreachable {
            timed_out: false,
            sent: false,
            ..
        }
    );
    assert!(expected && refused.may_retry(), "{refused}");
    assert!(refused.to_string().contains("refused"), "{refused}");
}

#[test]
fn a_server_that_does_not_answer_in_time_is_given_up() {
    let server = Server::one(Reply::Late(Duration::from_millis(50)));
    let mut hurried = options();
    hurried.request_timeout = Duration::from_millis(20);
    let client = Client::new(&Endpoint::new("papi", server.url()), &hurried).unwrap();
    let late = Papi::new(client).ping().unwrap_err();
    let expected = matches!(
        late.kind,
        ErrorKind::Unreachable {
            timed_out: true,
            sent: true,
            ..
        }
    );
    assert!(expected && late.may_retry(), "{late}");
}

#[test]
fn a_call_may_have_less_patience_than_its_client() {
    let server = Server::one(Reply::Late(Duration::from_millis(50)));
    let script = Script {
        text: "#!/bin/bash\ntrue\n".to_owned(),
        ..Script::default()
    };
    let cnapi = Cnapi::new(server.client("cnapi"));
    let late = cnapi
        .execute(SOME, &script, Duration::from_millis(20))
        .unwrap_err();
    assert!(late.is_down() && !late.may_retry(), "{late}");
}

#[test]
fn requests_carry_the_headers_that_were_promised() {
    let pong = json!({"mode": "full", "storType": "MorayLocalStorage", "storAvailable": true});
    let made = json!({"uuid": SOME, "service_uuid": SOME});
    let server = Server::giving(vec![Reply::json(200, pong), Reply::json(200, made)]);
    let sapi = Sapi::new(server.client("sapi"));
    assert!(sapi.ping().unwrap().healthy());
    sapi.create_instance_async(&NewInstance::of(SOME)).unwrap();
    let [ping, create] = server.asked().try_into().unwrap();
    assert_eq!(ping.line, "GET /ping");
    assert_eq!(ping.header("user-agent"), Some("triton-test/1.2.3"));
    assert_eq!(
        ping.header("x-request-id"),
        Some("8c145e9b-6e36-4d2e-9e41-6485504ef83b")
    );
    assert_eq!(ping.header("accept"), Some("application/json"));
    assert_eq!(ping.header("accept-version"), Some("~2"));
    assert_eq!(ping.header("content-type"), None);
    assert_eq!(create.line, "POST /instances?async=true");
    assert_eq!(create.header("content-type"), Some("application/json"));
    assert_eq!(create.header("x-request-id"), ping.header("x-request-id"));
    assert_eq!(
        create.json(),
        json!({"service_uuid": SOME, "params": {}, "metadata": {}})
    );
}

#[test]
fn cnapi_is_never_told_a_version() {
    let server = Server::one(Reply::json(200, json!([])));
    let cnapi = Cnapi::new(server.client("cnapi"));
    assert!(
        cnapi
            .list_servers(&ServerFilter::default(), &[])
            .unwrap()
            .is_empty()
    );
    assert_eq!(server.asked()[0].header("accept-version"), None);
}

#[test]
fn nothing_breaks_out_of_a_path() {
    let server = Server::one(Reply::empty(404));
    let cnapi = Cnapi::new(server.client("cnapi"));
    assert!(cnapi.get_task("a/../b?c=d#e %2e").is_err());
    assert_eq!(
        server.asked()[0].line,
        "GET /tasks/a%2F..%2Fb%3Fc=d%23e%20%252e"
    );
}

#[test]
fn an_etag_goes_out_as_it_came_in() {
    let etag = "c05101e85b6e49d231fa4c076edb6149508e831c";
    let headers = vec![("Etag".to_owned(), etag.to_owned())];
    let body = br#"{"manifests":[],"metadata":{"dns_domain":"triton.example"}}"#.to_vec();
    let server = Server::giving(vec![Reply::Whole(200, headers, body), Reply::empty(304)]);
    let sapi = Sapi::new(server.client("sapi"));
    let Configs::Changed {
        etag: came,
        content,
    } = sapi.configs(SOME, None).unwrap()
    else {
        panic!("configs must have come");
    };
    assert_eq!(came.as_deref(), Some(etag));
    assert_eq!(content.metadata["dns_domain"], "triton.example");
    assert_eq!(
        sapi.configs(SOME, came.as_deref()).unwrap(),
        Configs::Unchanged
    );
    assert_eq!(server.asked()[1].header("if-none-match"), Some(etag));
}

#[test]
fn a_redirect_is_not_followed() {
    let headers = vec![("Location".to_owned(), "/elsewhere".to_owned())];
    let server = Server::giving(vec![
        Reply::Whole(301, headers, Vec::new()),
        Reply::json(200, json!({"ping": "pong", "imgapi": true})),
    ]);
    let error = Imgapi::new(server.client("imgapi")).ping().unwrap_err();
    assert!(
        error.to_string().contains("redirected to /elsewhere"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_name_that_does_not_resolve_is_unreachable() {
    let vmapi = Vmapi::new(client_of("vmapi", "http://vmapi.dc1.triton.invalid"));
    let error = vmapi.get_vm(SOME).unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Unreachable { sent: false, .. }),
        "{error}"
    );
}

/// Proxy variables are read once a process, so that the test runs itself again in one that has them.
#[test]
fn proxy_variables_are_ignored() {
    if std::env::var_os("http_proxy").is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "proxy_variables_are_ignored"]);
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            again.env(name, "http://127.0.0.1:9");
        }
        let done = again
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stdout)
        );
        return;
    }
    let server = Server::one(Reply::json(200, json!({"backend": "up"})));
    assert!(Papi::new(server.client("papi")).ping().unwrap().healthy());
    assert_eq!(server.asked()[0].line, "GET /ping");
}
