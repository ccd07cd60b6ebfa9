"""A process that runs the benchmarks of the whole service on one product, tiny, and prints what each returns as JSON.

A process, because a benchmark connects to the product's own database, and pytest's is connected to the tests'.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from benchmarks import chaos, latency, peer, photos, scale, stages
from benchmarks.options import Options

# The ones that need no more than a second or two beside the product's start.
FAULTS = ("worker killed with -9 in mid-prediction", "broker flushed", "clock set back")


class _Other(BaseHTTPRequestHandler):
    """In the student app's place, which needs the seconds that Keras takes to start."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    # Drawing twelve megapixels takes longer than measuring with them.
    photos.LARGE = photos.SMALL
    other = HTTPServer(("127.0.0.1", 0), _Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    peer.SIZES, stages.SIZES = peer.SIZES[:1], stages.SIZES[:1]
    options = Options(quick=True)
    with chaos.ground_of(options) as ground:
        service = ground.service
        faults = chaos.measure(ground, options, {name: chaos.FAULTS[name] for name in FAULTS})
        # The others begin with one worker.
        service.stop("worker2")
        results = {
            "chaos": faults,
            "peer": peer.measure(service, f"http://127.0.0.1:{other.server_port}", options),
            "stages": stages.measure(service, options),
            "latency": latency.measure(service, options),
            "scale": scale.measure(service, options),
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
