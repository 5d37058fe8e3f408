import pytest
import torch

from statewise.ops.gpu import serving

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def _asked_anew():
    for answer in (serving.installed, serving.new_enough):
        answer.cache_clear()
    yield
    for answer in (serving.installed, serving.new_enough):
        answer.cache_clear()


def test_kernels_serve_on_a_gpu_alone():
    assert serving.kernels_serve(torch.zeros(1, device=DEVICE)) == (DEVICE == "cuda")
    assert not serving.kernels_serve(torch.zeros(1))


@pytest.mark.parametrize(("version", "serves"), [("3.3.1", False), ("3.4.0+git", True), ("4.0", True)])
def test_triton_is_not_too_old(monkeypatch, version, serves):
    monkeypatch.setattr("triton.__version__", version)
    assert serving.installed() == serves


@pytest.mark.parametrize(("capability", "serves"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_the_gpu_is_not_too_old(monkeypatch, capability, serves):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert serving.new_enough(torch.device("cuda", 0)) == serves
