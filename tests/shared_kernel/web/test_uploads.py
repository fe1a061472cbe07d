"""Files as request bodies: neither cut off nor longer than allowed."""

import io

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.web.routes import set_up_web
from shared_kernel.web.uploads import Upload
from tests.files import files_that_cannot_grow_beyond

MOST = 2 * 1024 * 1024


@pytest.fixture
def client() -> FlaskClient:
    """Answers with the length of what was received, its name and its form."""
    app = Flask(__name__)
    set_up_web(app)
    upload = Upload(
        most_bytes=MOST,
        at_once=1,
        media_types={"text/csv": "csv"},
        suffixes={".csv": "csv"},
        description="A file.",
        example="a",
    )

    @app.post("/files")
    def receive() -> Response:
        received = upload.read()
        count = len(received.file.read())
        return Response(f"{count} {received.name} {received.form}")

    return app.test_client()


def in_pieces(client: FlaskClient, count: int) -> TestResponse:
    """Without a Content-Length."""
    return client.post(
        "/files",
        input_stream=io.BytesIO(b"x" * count),
        content_type="text/csv",
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_a_file_may_be_as_long_as_allowed(client: FlaskClient) -> None:
    whole = client.post("/files", data=b"x" * MOST, content_type="text/csv")

    assert whole.text == f"{MOST} upload.csv csv"
    assert in_pieces(client, MOST).text == f"{MOST} upload.csv csv"


def test_a_longer_one_is_refused_and_not_cut_off(client: FlaskClient) -> None:
    whole = client.post("/files", data=b"x" * (MOST + 1), content_type="text/csv")

    for refused in (whole, in_pieces(client, MOST + 1)):
        assert refused.status_code == 413
        assert refused.get_json()["detail"] == "the body is larger than 2 MiB"


def test_a_part_of_a_form_keeps_its_name(client: FlaskClient) -> None:
    file = io.BytesIO(b"x" * 1000), "lamps.CSV"

    assert client.post("/files", data={"file": file}).text == "1000 lamps.CSV csv"


# Werkzeug leaves its file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_told(client: FlaskClient) -> None:
    """Werkzeug writes a large part to a file of its own."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
    body = head + b"\r\n" + b"x" * 1024 * 1024 + b"\r\n--b--\r\n"
    with files_that_cannot_grow_beyond(4096):
        answer = client.post(
            "/files", data=body, content_type="multipart/form-data; boundary=b"
        )

    assert answer.status_code == 507
    assert answer.get_json()["type"] == "/problems/no-room"
