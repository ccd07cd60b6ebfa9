"""The OpenAPI document as it is served."""

from threading import Lock
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

_made: dict[str | None, dict[str, Any]] = {}
# drf-spectacular looks its extensions up while it makes its first document, and two threads at once break that.
_making = Lock()


class OnceMade(SchemaGenerator):
    """Makes the document once a process and language: it is the same for everybody, and takes half a second."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        language = get_language()
        with _making:
            if language not in _made:
                _made[language] = super().get_schema(request=None, public=True)
            return _made[language]


class DocumentView(SpectacularAPIView):
    generator_class = OnceMade
