import pytest

from streamcls.capture.address import mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://anna:geheim@10.0.0.7:554/cam", "rtsp://anna:***@10.0.0.7:554/cam"),
        ("rtsp://:geheim@h/cam", "rtsp://:***@h/cam"),
        ("x http://a:b@c/d, https://e:f@g/", "x http://a:***@c/d, https://e:***@g/"),
        ("rtsp://10.0.0.7:554/cam", "rtsp://10.0.0.7:554/cam"),
        ("rtsp://anna:ge@heim@10.0.0.7/cam", "rtsp://anna:***@10.0.0.7/cam"),
        ("clip.mp4", "clip.mp4"),
        ("mail anna@example.org: hello", "mail anna@example.org: hello"),
    ],
)
def test_passwords_are_masked(text: str, expected: str) -> None:
    assert mask(text) == expected
