import base64
import html.parser
import io
import re

import numpy as np
import pytest
import soundfile
from evaluation_rig import RATE, Repeater, a_list, results
from PIL import Image

from pse_plugins.evaluation import evaluate
from pse_plugins.evaluation.figures import points_by_condition
from pse_plugins.evaluation.report import choose
from pse_plugins.evaluation.tables import condition_tables


class Page(html.parser.HTMLParser):
    """Collects what a page is made of."""

    VOID = frozenset({"meta", "img", "link", "br", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.open, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [v for k, v in attributes if k in ("src", "href", "xlink:href", "srcset", "poster")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    models = {"film": Repeater(), "<b>&": Repeater()}
    found = evaluate(models, a_list(), folder, metrics=("si-sdr-improvement", "si-sdr"))
    return found, (folder / "report.html").read_text("utf-8")


def test_the_page_needs_nothing_else(made):
    page = Page(made[1])
    assert not page.open, "tags are left open"
    assert page.links and all(link.startswith(("data:", "#")) for link in page.links)
    assert "@import" not in made[1] and not re.search(r"url\((?!#)", made[1]) and not page.all("script")
    assert len(made[1]) < 2e6


def test_every_signal_can_be_heard_and_seen(made):
    page = Page(made[1])
    sounds, pictures = page.all("audio"), page.all("img")
    # of each of two conditions: mixture, two rows of each model, clean target; and an enrolment
    assert len(pictures) == 2 * 6 and len(sounds) == 2 * 7
    for sound in sounds:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound["src"].partition(",")[2])))
        assert rate == RATE and len(samples) == RATE // 2 and 0.05 < np.abs(samples).max() < 1
    assert all(p["alt"] for p in pictures)
    assert Image.open(io.BytesIO(base64.b64decode(pictures[0]["src"].partition(",")[2]))).size[0] > 300


def test_the_tables_are_on_the_page(made):
    found, text = made
    page = " ".join(Page(text).texts)
    for table in condition_tables(found):
        for row in table.rows:
            assert all(cell.partition(" [")[0] in page for cell in row), row
    assert "Simulated mixtures; small test set: 6 items, 6 speakers" in page


def test_names_are_text_not_html(made):
    assert "<b>" not in made[1].split("<svg")[0] and "&lt;b&gt;&amp;" in made[1]


def test_samples_are_the_median_ones_and_always_the_same():
    items = a_list(10)
    found = results({("film", "right enrolment"): (9.0, 1.0, 5.0, 4.0, 30.0)})
    assert choose(found, items, 1) == [4, 5]  # the third ambient (even places) and the third babble item
    assert choose(found, items, 2) == [4, 6, 5, 7]
    assert choose(found, items, 0) == []


def test_an_item_without_a_score_is_no_sample():
    found = results({("film", "right enrolment"): (np.nan, 1.0, np.nan)})
    assert choose(found, a_list(6), 3) == [2, 3]


def test_plots_take_the_colours_of_the_page():
    svg = points_by_condition(results({("film", "right enrolment"): (1.0, np.nan, 3.0)}))
    assert svg.startswith("<svg") and "currentColor" in svg and "#010203" not in svg
    assert svg == points_by_condition(results({("film", "right enrolment"): (1.0, np.nan, 3.0)}))
