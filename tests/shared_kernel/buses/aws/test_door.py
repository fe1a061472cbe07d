"""What SNS posts: who is let in, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs
import msgspec
import pytest

from shared_kernel.buses.aws.certificates import (
    FAILED_S,
    KEPT_S,
    MOST,
    CertificateMissingError,
    Certificates,
)
from shared_kernel.buses.aws.door import NotTakenError, SnsDoor
from shared_kernel.buses.aws.notifications import (
    Notification,
    RefusedNotificationError,
)
from tests.shared_kernel.buses.aws.sns_sender import (
    CERTIFICATE_URL,
    HOST,
    REGION,
    TOPIC,
    certificate,
    confirmation,
    posted,
    raw,
    signed,
)

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
Document = dict[str, str]


@attrs.define(eq=False)
class Aws:
    """What the door fetches from AWS, and what it brings to the bus."""

    answers: dict[str, bytes] = attrs.Factory(dict)
    fetched: list[str] = attrs.Factory(list)
    brought: list[tuple[str, str, str]] = attrs.Factory(list)
    takes: bool = True
    monotonic_s: float = 0.0

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.answers:
            raise OSError("404")
        return self.answers[url]

    def bring(self, topic: str, message: str, message_id: str) -> bool:
        self.brought.append((topic, message, message_id))
        return self.takes

    def certificates(self) -> Certificates:
        return Certificates(self.fetch, lambda: NOW, lambda: self.monotonic_s)


@pytest.fixture
def aws() -> Aws:
    return Aws({CERTIFICATE_URL: certificate(NOW)})


@pytest.fixture
def door(aws: Aws) -> SnsDoor:
    return SnsDoor([TOPIC], aws.bring, aws.fetch, lambda: NOW, aws.certificates())


def post(door: SnsDoor, document: Document, topic: str = "new-product") -> None:
    door.take(msgspec.json.decode(raw(document), type=Notification), topic)


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_sns_has_signed_is_brought(door: SnsDoor, aws: Aws, version: str) -> None:
    document = posted(NOW, version, Subject="Neu: Lämpchen")

    post(door, document)

    assert aws.brought == [("new-product", document["Message"], document["MessageId"])]


def test_the_certificate_is_fetched_once(door: SnsDoor, aws: Aws) -> None:
    post(door, posted(NOW))
    post(door, posted(NOW, "1"))

    assert aws.fetched == [CERTIFICATE_URL]


def test_a_replay_is_brought_under_the_same_id(door: SnsDoor, aws: Aws) -> None:
    """Who handles it knows by the id that it has it already."""
    document = posted(NOW)

    post(door, document)
    post(door, document)

    assert len(aws.brought) == 2
    assert len(set(aws.brought)) == 1


def test_what_is_not_taken_is_posted_again(door: SnsDoor, aws: Aws) -> None:
    aws.takes = False

    with pytest.raises(NotTakenError):
        post(door, posted(NOW))


def resigned(**fields: str) -> Callable[[Document], Document]:
    return lambda document: signed({**document, **fields})


def altered(**fields: str) -> Callable[[Document], Document]:
    return lambda document: {**document, **fields}


def certificate_at(url: str) -> Callable[[Document], Document]:
    return resigned(SigningCertURL=url)


FORGED: dict[str, tuple[Callable[[Document], Document], str]] = {
    "another message": (altered(Message='{"sku": "X"}'), "Signature"),
    "another id": (altered(MessageId="x"), "Signature"),
    "another subject": (altered(Subject="x"), "Signature"),
    "a later time": (altered(Timestamp="2026-11-28T12:10:00.000Z"), "Signature"),
    "version 1 of 2": (altered(SignatureVersion="1"), "Signature"),
    "signed by another": (lambda d: signed(d, by="another"), "Signature"),
    "no Base64": (altered(Signature="%%%"), "Signature"),
    "no signature": (altered(Signature=""), "Signature"),
    "version 3": (resigned(SignatureVersion="3"), "SignatureVersion"),
    "another type": (resigned(Type="Order"), "Type"),
    "another topic": (resigned(TopicArn=TOPIC + "s"), "TopicArn"),
    "another account": (resigned(TopicArn=TOPIC.replace("1", "2")), "TopicArn"),
    "no topic": (resigned(TopicArn="new-product"), "TopicArn"),
    "an old stamp": (resigned(Timestamp="2026-11-28T10:59:59.000Z"), "Timestamp"),
    "a stamp to come": (resigned(Timestamp="2026-11-28T13:00:01.000Z"), "Timestamp"),
    "a stamp without zone": (resigned(Timestamp="2026-11-28T12:00:00"), "Timestamp"),
    "no stamp": (resigned(Timestamp="noon"), "Timestamp"),
}
HOSTS = [
    f"http://sns.{REGION}.amazonaws.com/a.pem",
    f"https://sns.{REGION}.amazonaws.com.evil.test/a.pem",
    f"https://sns.{REGION}.amazonaws.com@evil.test/a.pem",
    f"https://sns.{REGION}.amazonaws.com:444/a.pem",
    f"https://me@sns.{REGION}.amazonaws.com/a.pem",
    f"https://evil.test/sns.{REGION}.amazonaws.com/a.pem",
    f"https://evil.test#https://sns.{REGION}.amazonaws.com/a.pem",
    f"https://sns.{REGION}.amazonaws.com.cn/a.pem",
    f"https://sns-{REGION}.amazonaws.com/a.pem",
    f"https://snsX{REGION}.amazonaws.com/a.pem",
    f"https://sns.{REGION}Xamazonaws.com/a.pem",
    f"https://s3.{REGION}.amazonaws.com/a.pem",
    "https://sns.us-east-1.amazonaws.com/a.pem",
    "https://sns.eu.amazonaws.com.evil.test/a.pem",
    "https://sns.amazonaws.com/a.pem",
    f"HTTPS://SNS.{REGION}.AMAZONAWS.COM/a.pem",
    f"{HOST}/a.pem?x=1",
    f"{HOST}/a.pem#x",
    f"{HOST}/../a.pem",
    f"{HOST}/a/b.pem",
    f"{HOST}/a.pem\n",
    f"{HOST}/a.txt",
    f"{HOST}/.pem",
    f"{HOST}\\@evil.test/a.pem",
    "file:///etc/passwd.pem",
    "",
]


@pytest.mark.parametrize("name", FORGED)
def test_what_sns_has_not_signed_is_refused(door: SnsDoor, aws: Aws, name: str) -> None:
    forge, field = FORGED[name]

    with pytest.raises(RefusedNotificationError, match=field):
        post(door, forge(posted(NOW)))

    assert aws.brought == []


@pytest.mark.parametrize("url", HOSTS)
def test_certificates_from_elsewhere_are_not_even_fetched(
    door: SnsDoor, aws: Aws, url: str
) -> None:
    aws.answers[url] = certificate(NOW)

    with pytest.raises(RefusedNotificationError, match="SigningCertURL"):
        post(door, certificate_at(url)(posted(NOW)))

    assert (aws.fetched, aws.brought) == ([], [])


@pytest.mark.parametrize(
    "name", ["another topic", "an old stamp", "another type", "version 3"]
)
def test_nothing_is_fetched_for_what_is_refused_anyway(
    door: SnsDoor, aws: Aws, name: str
) -> None:
    with pytest.raises(RefusedNotificationError):
        post(door, FORGED[name][0](posted(NOW)))

    assert aws.fetched == []


def test_a_topic_is_posted_to_the_path_of_its_name(door: SnsDoor, aws: Aws) -> None:
    with pytest.raises(RefusedNotificationError, match="TopicArn"):
        post(door, posted(NOW), topic="another")

    assert aws.brought == []


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (certificate(NOW - timedelta(days=90)), "valid until 2026-09-28"),
        (certificate(NOW + timedelta(days=90)), "valid until"),
        (b"not a certificate", "no certificate"),
        (b"", "no certificate"),
    ],
)
def test_bad_certificates_are_refused(
    door: SnsDoor, aws: Aws, pem: bytes, why: str
) -> None:
    aws.answers[CERTIFICATE_URL] = pem

    with pytest.raises(RefusedNotificationError, match=why):
        post(door, posted(NOW))


def test_without_the_certificate_it_is_posted_again(door: SnsDoor, aws: Aws) -> None:
    aws.answers.clear()
    for _ in range(2):
        with pytest.raises(CertificateMissingError):
            post(door, posted(NOW))
    assert aws.fetched == [CERTIFICATE_URL]

    aws.answers[CERTIFICATE_URL] = certificate(NOW)
    aws.monotonic_s += FAILED_S
    post(door, posted(NOW))

    assert len(aws.brought) == 1


def test_few_certificates_are_kept_and_not_for_ever(aws: Aws) -> None:
    certificates = aws.certificates()
    urls = [f"{HOST}/{number}.pem" for number in range(MOST + 5)]
    aws.answers = dict.fromkeys(urls, certificate(NOW))

    for url in urls:
        certificates.key(url)
    assert certificates.count == MOST

    aws.fetched.clear()
    certificates.key(urls[-1])
    certificates.key(urls[0])
    aws.monotonic_s += KEPT_S
    certificates.key(urls[-1])

    assert aws.fetched == [urls[0], urls[-1]]


def test_a_subscription_is_confirmed_at_sns(door: SnsDoor, aws: Aws) -> None:
    document = confirmation(NOW)
    aws.answers[document["SubscribeURL"]] = b"<ConfirmSubscriptionResponse/>"

    post(door, document)

    assert aws.fetched == [CERTIFICATE_URL, document["SubscribeURL"]]
    assert aws.brought == []


def test_a_confirmation_that_fails_is_posted_again(door: SnsDoor) -> None:
    with pytest.raises(NotTakenError, match="not confirmed"):
        post(door, confirmation(NOW))


@pytest.mark.parametrize(
    "url",
    [*HOSTS, CERTIFICATE_URL, "https://evil.test/?Action=ConfirmSubscription"],
)
def test_a_subscription_elsewhere_is_not_confirmed(
    door: SnsDoor, aws: Aws, url: str
) -> None:
    with pytest.raises(RefusedNotificationError, match="SubscribeURL"):
        post(door, confirmation(NOW, SubscribeURL=url))

    assert aws.fetched == [CERTIFICATE_URL]


def test_a_forged_confirmation_is_not_confirmed(door: SnsDoor, aws: Aws) -> None:
    with pytest.raises(RefusedNotificationError, match="Signature"):
        post(door, {**confirmation(NOW), "Token": "another"})

    assert aws.fetched == [CERTIFICATE_URL]


def test_the_end_of_a_subscription_brings_nothing(door: SnsDoor, aws: Aws) -> None:
    post(door, confirmation(NOW, Type="UnsubscribeConfirmation"))

    assert (aws.fetched, aws.brought) == ([CERTIFICATE_URL], [])


def test_china_has_hosts_of_its_own(aws: Aws) -> None:
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:new-product"
    url = "https://sns.cn-north-1.amazonaws.com.cn/a.pem"
    aws.answers[url] = certificate(NOW)
    door = SnsDoor([topic], aws.bring, aws.fetch, lambda: NOW, aws.certificates())

    post(door, posted(NOW, TopicArn=topic, SigningCertURL=url))

    assert len(aws.brought) == 1
