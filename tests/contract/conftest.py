"""What the contract tests need to try every entry of the catalogue: tiny models on disk and an embeddings server."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the libraries are imported, below

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.tokens import minilm_folder

SHAPE: dict[str, Any] = {
    "vocab_size": 30522, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 256, "initializer_range": 0.3,
}  # fmt: skip


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of tiny models with random weights: an encoder, a cross-encoder, an encoder with lexical weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel

    torch.manual_seed(0)
    made = {
        "encoder": BertModel(BertConfig(**SHAPE)),
        "cross": BertForSequenceClassification(BertConfig(**SHAPE, num_labels=1)),
        "lexical": BertModel(BertConfig(**SHAPE)),
    }
    folders: dict[str, str] = {}
    for name, model in made.items():
        folder: Path = tmp_path_factory.mktemp(name)
        model.eval().save_pretrained(folder)
        AutoTokenizer.from_pretrained(minilm_folder(), model_max_length=256).save_pretrained(folder)
        folders[name] = str(folder)
    torch.save(torch.nn.Linear(32, 1).state_dict(), Path(folders["lexical"]) / "sparse_linear.pt")
    return folders


class _Embeddings(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
        texts = [texts] if isinstance(texts, str) else texts
        rows = [[b / 255 - 0.5 for b in hashlib.sha256(t.encode()).digest()] for t in texts]
        data = [{"index": i, "object": "embedding", "embedding": row} for i, row in enumerate(rows)]
        body = json.dumps({"object": "list", "data": data, "model": "m", "usage": {}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest's output is for failures."""


@pytest.fixture(scope="session")
def embeddings_server() -> Iterator[str]:
    """The base URL of a server whose vectors are the texts' hashes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Embeddings)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()
