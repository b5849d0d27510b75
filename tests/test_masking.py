import pytest

from streamcls.masking import mask


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "rtsp://h/user=admin&password=xyz&channel=1",
            "rtsp://h/user=admin&password=***&channel=1",
        ),
        ("rtsp://h/user=admin_password=xyz_channel=1.sdp", "rtsp://h/user=admin_password=***"),
        ("rtsp://h/live/pwd=xyz/1", "rtsp://h/live/pwd=***/1"),
        ("http://h/v;password=xyz", "http://h/v;password=***"),
        ("http://h/video?token=abc", "http://h/video?token=***"),
        ("http://h/video?a=1&access_token=abc&b=2", "http://h/video?a=1&access_token=***&b=2"),
        ("http://h/v.cgi?usr=admin&pwd=xyz&x=1", "http://h/v.cgi?usr=admin&pwd=***&x=1"),
        ("http://h/v?PASSWORD=Xyz;channel=1", "http://h/v?PASSWORD=***;channel=1"),
        ("http://h/v?passwd=x-y.z%40!", "http://h/v?passwd=***"),
        ("http://h/v?auth=YWRtaW46eHl6==", "http://h/v?auth=***"),
        ("http://h/v?api_key=1&apikey=2&key=3", "http://h/v?api_key=***&apikey=***&key=***"),
        ("http://h/v?pass=x can't be had", "http://h/v?pass=*** can't be had"),
        ("rtsp://anna:xyz@h/v?secret=uvw", "rtsp://anna:***@h/v?secret=***"),
        (
            "no http://h/?psw=a and http://g/?token=b\n",
            "no http://h/?psw=*** and http://g/?token=***\n",
        ),
    ],
)
def test_passwords_in_path_and_query_are_masked(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "--source: unknown key, did you mean 'camera'?",
        "s.yaml:2: outputs.rotate: should be a time like 1h, 30m or 90s",
        "sim://?fps=30&size=1280x720&stall_at=10&freeze=3",
        "/home/anna/Videos/password/clip.mp4",
        "clips/token.mp4, keys.csv and pass=1.txt",
        "http://h/v?monkey=1&keyframe=2&compass=3&author=4&tokens=5",
        "http://h:8080/mail?to=anna@example.org",
        "rtsp://[::1]:554/cam@home",
        "4 read = 3 classified + 1 rejected; 0.4 s, 10.0 fps",
        "rtsp://anna@h/cam",
        "http://h/?password=",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert mask(text) == text


def test_masking_again_changes_nothing() -> None:
    once = mask("rtsp://anna:geheim@h/a?password=xyz&b=1")
    assert once == "rtsp://anna:***@h/a?password=***&b=1"
    assert mask(once) == once


@pytest.mark.parametrize("password", ["a", "***", "a:b", "a?b", "a#b", "@", "p&q=1", "ü€", "100%"])
def test_no_password_gets_through(password: str) -> None:
    assert mask(f"rtsp://anna:{password}@10.0.0.7:554/cam") == "rtsp://anna:***@10.0.0.7:554/cam"
