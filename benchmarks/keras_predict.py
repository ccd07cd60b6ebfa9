"""The process that benchmarks/engine.py measures Keras in: for each number N on a line, N timings in ms as JSON."""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np


def main(model_file: str, inputs_file: str) -> None:
    model = keras.models.load_model(model_file, compile=False)
    inputs = dict(np.load(inputs_file))
    for line in sys.stdin:
        spent = []
        for _ in range(int(line)):
            began = time.perf_counter()
            model.predict(inputs, verbose=0)
            spent.append(1000 * (time.perf_counter() - began))
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
