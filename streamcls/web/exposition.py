"""The numbers of the server as Prometheus reads them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from streamcls.web.site import Site


class WebNumbers(Collector):
    """Requests, their pictures, jobs and viewers."""

    def __init__(self, site: "Site") -> None:
        """Of this server, as it is at each scrape."""
        self._site = site

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        site = self._site
        requests = CounterMetricFamily(
            "streamcls_web_requests", "Requests answered.", labels=("method", "status")
        )
        for (method, status), count in site.tally.requests().items():
            requests.add_metric((method, str(status)), count)
        yield requests
        counts = site.tally.counts()
        pictures = CounterMetricFamily(
            "streamcls_web_pictures", "Pictures of requests.", labels=("outcome",)
        )
        pictures.add_metric(("classified",), counts.classified)
        pictures.add_metric(("refused",), counts.refused)
        yield pictures
        jobs = GaugeMetricFamily("streamcls_web_jobs", "Video files.", labels=("state",))
        for state, count in site.jobs.counts().items():
            jobs.add_metric((state,), count)
        yield jobs
        yield GaugeMetricFamily("streamcls_web_viewers", "Live views.", site.views.viewers)
