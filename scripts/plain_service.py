"""The usual picture service, for comparison: Flask, torchvision's own transform, torch's ResNet-18.

    THREADS=1 gunicorn --workers 2 --chdir scripts plain_service:app

WEIGHTS names the weights file, THREADS how many threads torch takes in each worker.
"""

import os

import torch
from flask import Flask, Response, jsonify, request
from PIL import Image

from streamcls.inference.torchvision_import import import_torchvision

torch.set_num_threads(int(os.environ["THREADS"]))
models = import_torchvision().models
model = models.resnet18()
model.load_state_dict(torch.load(os.environ["WEIGHTS"], map_location="cpu", weights_only=True))
model.eval()
transform = models.ResNet18_Weights.IMAGENET1K_V1.transforms()
labels = models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]


def predict() -> Response:
    """The top-3 of one picture."""
    picture = Image.open(request.files["files"].stream).convert("RGB")
    with torch.inference_mode():
        probs = model(transform(picture)[None]).softmax(1)[0]  # (1000,)
    top = probs.topk(3)
    found = zip(top.values.tolist(), top.indices.tolist(), strict=True)
    return jsonify([{"label": labels[at], "prob": prob} for prob, at in found])


app = Flask(__name__)
app.add_url_rule("/predict", view_func=predict, methods=["POST"])
