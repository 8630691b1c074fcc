use serde_json::json;

use super::*;

fn member(path: &'static [&'static str], name: &str, value: Value) -> Piece {
    Piece {
        path,
        slot: Slot::Member(name.to_owned()),
        value,
        kept: false,
    }
}

fn server(url: &str) -> Piece {
    member(&["mcpServers"], "gate", json!({ "url": url }))
}

fn check(language: Language, pieces: &[Piece], before: &str, after: &str) {
    let written = language.with(before, pieces).expect("it fits");
    assert_eq!(written, after);
    let again = language.with(&written, pieces).expect("it fits again");
    assert_eq!(again, written, "a second time changes nothing");
}

#[test]
fn json_is_changed_in_one_place() {
    let json = |before: &str, after: &str| check(Language::Json, &[server("u")], before, after);
    for blank in ["", " \n"] {
        json(
            blank,
            "{\n  \"mcpServers\": {\n    \"gate\": {\n      \"url\": \"u\"\n    }\n  }\n}\n",
        );
    }
    json(
        "{\n\t\"z\": 1e3,\n\t\"mcpServers\": {\n\t\t\"other\": { \"url\": \"o\" }\n\t},\n\t\"a\": [ 1,2 ]\n}",
        "{\n\t\"z\": 1e3,\n\t\"mcpServers\": {\n\t\t\"other\": { \"url\": \"o\" },\n\t\t\"gate\": {\n\t\t\t\"url\": \"u\"\n\t\t}\n\t},\n\t\"a\": [ 1,2 ]\n}",
    );
    json(
        "// top\n{\n  \"mcpServers\": {\n    \"gate\": { \"url\": \"old\" } /* here */\n  } // end\n}\n",
        "// top\n{\n  \"mcpServers\": {\n    \"gate\": {\n      \"url\": \"u\"\n    } /* here */\n  } // end\n}\n",
    );
    json(
        "{\r\n    \"theme\": \"x\"\r\n}\r\n",
        "{\r\n    \"theme\": \"x\",\r\n    \"mcpServers\": {\r\n        \"gate\": {\r\n            \"url\": \"u\"\r\n        }\r\n    }\r\n}\r\n",
    );
}

#[test]
fn an_item_of_a_list_is_ours_or_comes_to_its_end() {
    let item = Piece {
        path: &["hooks", "Pre"],
        slot: Slot::Item(|item| item.get("id") == Some(&json!("us"))),
        value: json!({ "id": "us", "n": 2 }),
        kept: false,
    };
    let json = |before: &str, after: Value| {
        let written = Language::Json.with(before, std::slice::from_ref(&item));
        let written = written.expect("it fits");
        assert_eq!(Language::Json.read(&written).expect("JSON"), after);
    };
    let us = json!({ "id": "us", "n": 2 });
    json("{}", json!({ "hooks": { "Pre": [us] } }));
    json(
        r#"{"hooks": {"Pre": [{"id": "a"}], "Post": []}}"#,
        json!({ "hooks": { "Pre": [{ "id": "a" }, us], "Post": [] } }),
    );
    json(
        r#"{"hooks": {"Pre": [{"id": "a"}, {"id": "us"}, {"id": "b"}]}}"#,
        json!({ "hooks": { "Pre": [{ "id": "a" }, us, { "id": "b" }] } }),
    );
    json(
        r#"{"hooks": {"Pre": [{"id": "us"}]}}"#,
        json!({ "hooks": { "Pre": [us] } }),
    );
}

#[test]
fn toml_is_changed_in_one_place() {
    let piece = member(
        &["mcp_servers"],
        "gate",
        json!({ "command": "c", "args": ["a", "b"], "env": { "K": "v" } }),
    );
    let entry = "[mcp_servers.gate]\ncommand = \"c\"\nargs = [\"a\", \"b\"]\nenv = { K = \"v\" }\n";
    let toml = |before: &str, after: &str| {
        check(Language::Toml, std::slice::from_ref(&piece), before, after);
    };
    toml("", entry);
    toml(
        "# mine\nmodel = \"m\" # this\n\n[mcp_servers.other]\nurl = 'o'\n\n[tui]\ntheme = 1\n",
        &format!(
            "# mine\nmodel = \"m\" # this\n\n[mcp_servers.other]\nurl = 'o'\n\n{entry}\n[tui]\ntheme = 1\n"
        ),
    );
    toml(
        "# ours\n[mcp_servers.gate]\nurl = \"old\"\n\n[mcp_servers.gate.env]\nA = \"b\"\n",
        &format!("# ours\n{entry}"),
    );
}

#[test]
fn what_cannot_be_changed_in_one_place_alone_is_refused() {
    for (language, text, why) in [
        (Language::Json, "{ \"a\": ", "it is no JSON"),
        (Language::Json, "[]", "it holds no object"),
        (
            Language::Json,
            "{\"mcpServers\": []}",
            "not what the client expects",
        ),
        (
            Language::Json,
            "{\"mcpServers\": {}, \"mcpServers\": {\"a\": 1}}",
            "does a key stand twice",
        ),
        (Language::Json, "{'mcpServers': {}}", "it is no JSON"),
        (Language::Toml, "a = ", "it is no TOML"),
        (
            Language::Toml,
            "mcpServers = 1",
            "not what the client expects",
        ),
    ] {
        let fault = language.with(text, &[server("u")]).expect_err(text);
        assert!(fault.to_string().contains(why), "{text}: {fault}");
    }
    let deep = "[".repeat(1_000_000);
    assert!(Language::Json.with(&deep, &[server("u")]).is_err());
    let deep = format!("a = {}", "[".repeat(1_000_000));
    assert!(Language::Toml.with(&deep, &[server("u")]).is_err());
}
