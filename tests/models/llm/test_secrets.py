"""The key of an endpoint is in nothing that the project writes, shows or raises, whatever goes wrong."""

import logging
import pickle
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from journeys_assets.models.llm.chat import ChatError, Message
from journeys_assets.models.llm.choose import AskerParams, check_endpoint, make_asker, make_chat
from tests.support.llm_questions import asker_of, http_model, question
from tests.support.scripted_server import ScriptedServer
from tests.support.serving import Serving, free_port

KEY = "sk-verysecret-4f1d9c7e5b3a"
CASES = [
    *("good", "malformed", "no JSON", "too many", "white space", "empty strings", "length", "never", "drip"),
    *("busy", "busy for an hour", "no quota", "500", "401", "404", "400", "refusal", "null", "half"),
    *("not the protocol", "500-once"),
]


def everything_about(error: BaseException | None) -> str:
    """Text, traceback with the errors that it came from, and attributes."""
    texts = []
    while error is not None:
        texts += [repr(error), *traceback.format_exception(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def test_the_key_is_sent_and_is_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    seen = []
    with Serving(server := ScriptedServer()) as serving:
        chat = http_model(serving.url, key=KEY, timeout_seconds=0.5)
        asker = asker_of(chat, tmp_path, max_retries=1)
        replies = list(asker.ask([question(["lamp"], case) for case in CASES], "names"))
        for case in CASES:
            try:
                data = Message("user", f'{{"case": "{case}", "words": []}}')
                seen.append(repr(chat.complete([data], None, 10)))
            except ChatError as error:
                seen.append(everything_about(error))
    with pytest.raises(ChatError) as caught:
        http_model(f"http://127.0.0.1:{free_port()}/v1", key=KEY).complete([Message("user", "{}")], None, 10)
    assert f"Bearer {KEY}" in server.authorizations
    assert len([record for record in caplog.records if record.name.startswith("openai")]) > len(CASES)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"LAMP" in written
    assert KEY.encode() not in written
    seen += [caplog.text, *capfd.readouterr(), repr(replies), repr(chat), repr(asker), str(chat), repr(chat.sampling)]
    seen += [
        everything_about(caught.value),
        repr(asker.ledger.rows().to_dicts()),
        asker.version_of(question([]).prompt),
    ]
    for text in seen:
        assert KEY not in text
        assert KEY[:10] not in text


def test_errors_repeat_nothing_of_the_endpoint() -> None:
    """The scripted endpoint repeats the data in its errors."""
    with Serving(ScriptedServer()) as serving:
        for case in ("500", "401", "404", "400", "busy"):
            data = Message("user", f'{{"case": "{case}", "words": ["wedding dress"]}}')
            with pytest.raises(ChatError) as caught:
                http_model(serving.url).complete([data], None, 10)
            assert "wedding" not in everything_about(caught.value)


def test_a_client_is_never_written_down() -> None:
    with pytest.raises(TypeError, match="holds its key"):
        pickle.dumps(http_model("http://127.0.0.1:1/v1", key=KEY))


def test_params_and_asker_show_no_key(tmp_path: Path) -> None:
    params = AskerParams("m", "http://127.0.0.1:1/v1", api_key=SecretStr(KEY))
    asker = make_asker(params, tmp_path, run_id="r", spent_today=None)
    assert KEY not in repr(params) + repr(asker) + repr(vars(asker))


@pytest.mark.parametrize(
    ("given", "environment", "sent"), [(None, None, "none"), (None, "sk-env", "sk-env"), ("sk-own", "sk-env", "sk-own")]
)
def test_whose_key_is_sent(
    monkeypatch: pytest.MonkeyPatch, given: str | None, environment: str | None, sent: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if environment:
        monkeypatch.setenv("OPENAI_API_KEY", environment)
    with Serving(server := ScriptedServer()) as serving:
        chat = make_chat(AskerParams("m", serving.url, api_key=SecretStr(given) if given else None))
        assert chat is not None
        list(asker_of(chat).ask([question(["x"])], "names"))
    assert server.authorizations == [f"Bearer {sent}"]


def test_no_model_is_no_asker(tmp_path: Path) -> None:
    assert make_asker(AskerParams(None, "http://127.0.0.1:1/v1"), tmp_path, run_id="r", spent_today=None) is None
    assert list(tmp_path.iterdir()) == []


def test_the_probe_says_what_is_wrong(tmp_path: Path) -> None:
    found = check_endpoint(http_model(f"http://127.0.0.1:{free_port()}/v1"))
    assert found is not None
    assert "nothing answers there; start the server, or correct llm.base_url" in found
