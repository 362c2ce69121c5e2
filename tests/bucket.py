"""Archives to download, and servers to download them from: a real S3 server (moto) behind a proxy
that makes faults, all on loopback."""

import http.client
import io
import logging
import tarfile
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1"}


def member(name: str, data: bytes = b"x", **attributes) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar; attributes as of TarInfo (type, mode, linkname, size)."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def tar_gz(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    """A .tar.gz of members as they are, safe or not."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return packed.getvalue()


def zipped(*members: tuple[str, bytes, int]) -> bytes:
    """A .zip of (name, data, mode)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


class Bucket:
    """An S3 server with one bucket, `runs`, and a proxy in front of it that makes faults:
    `faults[key] = (kind, times)` with kind cut or gone."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        host, self._port = self._moto.get_host_and_port()
        self.client = boto3.client("s3", endpoint_url=f"http://{host}:{self._port}",
                                   aws_access_key_id="test", aws_secret_access_key="test",
                                   region_name="us-east-1")
        self.client.create_bucket(Bucket="runs")
        self.faults: dict[str, list] = {}
        self.gets: Counter = Counter()
        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, self._port))
        self._proxy.daemon_threads = True
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._proxy.server_port}"

    def put(self, key: str, data: bytes) -> None:
        """Stores an object."""
        self.client.put_object(Bucket="runs", Key=key, Body=data)

    def fault(self, key: str) -> str | None:
        """The fault to make for this request, if any is left."""
        kind, times = self.faults.get(key, (None, 0))
        if times:
            self.faults[key] = (kind, times - 1)
            return kind
        return None

    def stop(self) -> None:
        """Stops both servers."""
        self._proxy.shutdown()
        self._proxy.server_close()
        self._moto.stop()


def _handler(bucket: Bucket, port: int) -> type:
    class Proxy(BaseHTTPRequestHandler):
        """Hands every request on, except for the faults."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """A request, with a fault if one is due."""
            key = self.path.partition("?")[0].removeprefix("/runs/")
            is_object = self.command == "GET" and key not in ("", "/runs")
            if is_object:
                bucket.gets[key] += 1
            fault = bucket.fault(key) if is_object else None
            ahead = http.client.HTTPConnection("127.0.0.1", port)
            ahead.request(self.command, self.path if fault != "gone" else "/runs/no-such-key",
                          headers=dict(self.headers))
            answer = ahead.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            if fault == "cut":
                self.wfile.write(body[:len(body) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args) -> None:
            """Nothing."""

    return Proxy
