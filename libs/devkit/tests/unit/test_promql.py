"""Reading our own PromQL: the rot-proof tests of alerts and dashboards stand on it."""

import pytest

from devkit.promql import selection_of


@pytest.mark.parametrize(
    ("expression", "metrics", "labels"),
    [
        ("up", {"up"}, set()),
        ('absent(up{job="gateway"} == 1)', {"up"}, {"job"}),
        ("sum by (job, instance) (rate(a_total[5m])) > 0.1", {"a_total"}, {"job", "instance"}),
        (
            'histogram_quantile(0.95, sum by (le) (rate(b_bucket{x!="a{b}"}[$__rate_interval])))',
            {"b_bucket"},
            {"le", "x"},
        ),
        (
            "kasal:ratio5m > (14.4 * 0.001) and on (p) sum by (p) (increase(c_count[10m])) >= 10",
            {"kasal:ratio5m", "c_count"},
            {"p"},
        ),
        ('sum(rate({__name__=~"otelcol_(a|b)"}[10m])) > 0', set(), set()),
        ("max(d offset 15m) or vector(0)", {"d"}, set()),
        ("label_values(e_count, service_name)", {"e_count"}, {"service_name"}),
        ('count(f{instance=~"$worker"} == 0) or inf', {"f"}, {"instance"}),
    ],
)
def test_an_expression_names_its_metrics_and_labels(expression, metrics, labels):
    found = selection_of(expression)
    assert (found.metrics, found.labels) == (metrics, labels)
