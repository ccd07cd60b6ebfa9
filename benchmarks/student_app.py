"""The app that `python -m benchmarks peer` compares with: Flask and Keras, as such an app is first written.

One convolution on a 64 x 64 thumbnail, `load_img` and `model.predict` within the request; no sign-in, no database, no
file kept. It is given every advantage: the photo stays in memory, the model is loaded and called once before the
first request, and the server has a thread a request. Its weights are random, which costs the same time.
"""

import io
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
from flask import Flask, request
from keras import layers

SIDE = 64
CLASSES = ["ACK", "BCC", "MEL", "NEV", "SCC", "SEK"]


def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(CLASSES), activation="softmax"),
        ]
    )


def application() -> Flask:
    app, model = Flask(__name__), network()
    model.predict(keras.ops.zeros((1, SIDE, SIDE, 3)), verbose=0)

    @app.get("/")
    def ready() -> str:
        return "ready"

    @app.post("/predict")
    def predict() -> dict[str, object]:
        photo = keras.utils.load_img(io.BytesIO(request.files["file"].read()), target_size=(SIDE, SIDE))
        pixels = keras.utils.img_to_array(photo)[None] / 255
        shares = model.predict(pixels, verbose=0)[0]
        return {"condition": CLASSES[int(shares.argmax())], "probability": float(shares.max())}

    return app


if __name__ == "__main__":
    application().run("127.0.0.1", int(sys.argv[1]), threaded=True)
