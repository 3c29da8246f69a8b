"""Object storage that speaks S3, against moto's server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import server as moto_server

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError

Build = Callable[..., TensorZeroGateway]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import obstore
    from obstore.store import HTTPStore

    monkeypatch.setenv("S3_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "never shown")
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    obstore.put(HTTPStore(url, client_options={"allow_http": True}), "bkt", b"")  # a PUT on its name makes a bucket
    yield url
    server.stop()


def test_files_go_to_the_bucket_and_come_back(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any, endpoint: str
) -> None:
    storage = (
        f'\n[object_storage]\ntype = "s3_compatible"\nbucket_name = "bkt"\nregion = "us-east-1"\nendpoint = "{endpoint}"\n'
    )
    client = build(models("plain") + storage + "allow_http = true\n", stored.url)

    def ask(block: dict[str, Any]) -> None:
        content = [{"type": "text", "text": "look"}, {"type": "file", "mime_type": "image/png", **block}]
        client.inference(model_name="plain", input={"messages": [{"role": "user", "content": content}]})

    ask({"file_type": "base64", "data": PNG})
    ask({"file_type": "base64", "data": PNG})
    import orjson

    row = orjson.loads(stored.rows(client, "ChatInference")[-1]["input"])["messages"][0]["content"][1]
    kind = {"type": "s3_compatible", "bucket_name": "bkt", "region": "us-east-1", "endpoint": endpoint, "allow_http": True}
    assert row["storage_path"]["kind"] == kind
    ask({"file_type": "object_storage_pointer", "storage_path": row["storage_path"]})
    part = mock_provider.requests()[-1]["body"]["messages"][0]["content"][1]
    assert part["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    with pytest.raises(TensorZeroError, match="Error getting object"):
        ask({"file_type": "object_storage_pointer", "storage_path": {"kind": kind, "path": "observability/files/no.png"}})


def test_a_bucket_that_is_not_there_is_an_error_at_the_start(build: Build, endpoint: str) -> None:
    storage = (
        f'\n[object_storage]\ntype = "s3_compatible"\nbucket_name = "none"\nregion = "us-east-1"\nendpoint = "{endpoint}"\n'
    )
    with pytest.raises(TensorZeroInternalError, match=r"Failed to write `\.tensorzero-validate` to object store") as caught:
        build(storage + "allow_http = true\n")
    assert "never shown" not in str(caught.value)
