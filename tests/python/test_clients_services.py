"""Clients of Redis, MariaDB and MQTT on our engine, against the servers that Debian
has, which are on OpenSSL."""

import asyncio
import contextlib
import getpass
import os
import queue
import ssl
import subprocess

import paho.mqtt.client
import pymysql
import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry
from conftest import PATIENCE
from peers import IP_MISMATCH, UNKNOWN_ROOT, verify_code
from processes import free_port, running, tool

import tlsmith
import tlsmith.ssl

BLOB = os.urandom(1_000_000)


@pytest.fixture(scope="module")
def files(localhost, tmp_path_factory):
    """The files of a server, which are for localhost and not for 127.0.0.1."""
    return localhost.write(tmp_path_factory.mktemp("server"), name="server")


@pytest.fixture(scope="module")
def alice(ca, tmp_path_factory):
    """The files of a client."""
    return ca.issue_client("alice@example.org").write(
        tmp_path_factory.mktemp("client"), name="alice"
    )


# Redis


@pytest.fixture(scope="module")
def redis_port(files, ca_file, tmp_path_factory):
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [tool("redis-server", "redis-server"), "--port", 0, "--tls-port", port]
    command += ["--bind", "127.0.0.1", "--save", "", "--dir", folder]
    command += ["--tls-cert-file", files.cert, "--tls-key-file", files.key]
    command += ["--tls-ca-cert-file", ca_file, "--tls-auth-clients", "yes"]
    with running(*command, port=port, folder=folder):
        yield port


@pytest.fixture
def redis_options(redis_port, ca_file, alice):
    return {
        "port": redis_port,
        "socket_timeout": PATIENCE,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        "ssl": True,
        "ssl_ca_certs": ca_file,
        "ssl_certfile": alice.cert,
        "ssl_keyfile": alice.key,
    }


def test_redis_stores_and_loads(installed, redis_options):
    with redis.Redis(host="localhost", **redis_options) as client:
        client.set("blob", BLOB)
        assert client.get("blob") == BLOB
        pipeline = client.pipeline()
        for number in range(500):
            pipeline.rpush("numbers", number)
        pipeline.lrange("numbers", 0, -1)
        assert pipeline.execute()[-1] == [b"%d" % number for number in range(500)]
        client.delete("numbers")
    assert [info.version for info in installed.clients] == ["1.3"]


def test_redis_publishes(installed, redis_options):
    with redis.Redis(host="localhost", **redis_options) as client, client.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=PATIENCE)["type"] == "subscribe"
        assert listener.get_message(timeout=0.01) is None
        client.publish("news", b"tls")
        assert listener.get_message(timeout=PATIENCE)["data"] == b"tls"
    assert len(installed.clients) == 2


def test_silent_redis_raises_timeout(installed, redis_options):
    redis_options["socket_timeout"] = 0.1
    with redis.Redis(host="localhost", **redis_options) as client:
        with pytest.raises(redis.exceptions.TimeoutError):
            client.blpop("nothing", timeout=PATIENCE)
    assert installed.clients


def test_redis_from_coroutines(installed, redis_options):
    redis_options["retry"] = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)

    async def main():
        async with redis.asyncio.Redis(host="localhost", **redis_options) as client:
            await asyncio.gather(*(client.set(f"key {n}", n) for n in range(20)))
            assert await client.mget([f"key {n}" for n in range(20)]) == [
                b"%d" % n for n in range(20)
            ]

    asyncio.run(main())
    assert installed.clients


def test_redis_rejects_untrusted_server(installed, redis_options, other_ca_file):
    with redis.Redis(host="127.0.0.1", **redis_options) as client:
        with pytest.raises(redis.exceptions.ConnectionError) as caught:
            client.ping()
    assert verify_code(caught.value) == IP_MISMATCH
    redis_options["ssl_ca_certs"] = other_ca_file
    with redis.Redis(host="localhost", **redis_options) as client:
        with pytest.raises(redis.exceptions.ConnectionError) as caught:
            client.ping()
    assert verify_code(caught.value) == UNKNOWN_ROOT
    assert installed.cores and not installed.clients


def test_redis_rejects_untrusted_server_from_coroutines(installed, redis_options):
    redis_options["retry"] = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)

    async def main():
        async with redis.asyncio.Redis(host="127.0.0.1", **redis_options) as client:
            await client.ping()

    with pytest.raises(redis.exceptions.ConnectionError) as caught:
        asyncio.run(main())
    assert verify_code(caught.value) == IP_MISMATCH
    assert installed.cores and not installed.clients


def test_redis_requires_client_certificate(installed, redis_options):
    del redis_options["ssl_certfile"], redis_options["ssl_keyfile"]
    with redis.Redis(host="localhost", **redis_options) as client:
        with pytest.raises(redis.exceptions.ConnectionError):
            client.ping()
    assert installed.cores


# MariaDB


@pytest.fixture(scope="module")
def mariadb_port(files, ca_file, tmp_path_factory):
    server = tool("mariadbd", "mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"]
    # Each server clears the folder for temporary tables when it starts.
    common += [f"--tmpdir={folder}"]
    # Root may come without a password, since there is nothing but this test.
    install = [tool("mariadb-install-db", "mariadb-server"), *common, "--skip-test-db"]
    install += ["--auth-root-authentication-method=normal"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    port = free_port()
    command = [server, *common, f"--port={port}", "--bind-address=127.0.0.1"]
    command += [f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"]
    command += [f"--ssl-cert={files.cert}", f"--ssl-key={files.key}", f"--ssl-ca={ca_file}"]
    with running(*command, port=port, folder=folder):
        yield port


def mariadb(host, port, context, **options):
    return contextlib.closing(
        pymysql.connect(host=host, port=port, user=options.pop("user", "root"), ssl=context)
    )


def query(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def test_mariadb_answers(engine, ca, mariadb_port):
    context = tlsmith.Client(trust=ca).ssl_context()
    with mariadb("localhost", mariadb_port, context) as connection:
        assert query(connection, "SHOW STATUS LIKE 'Ssl_version'") == (("Ssl_version", "TLSv1.3"),)
        assert query(connection, "SELECT UNHEX(%s)", BLOB.hex()) == ((BLOB,),)
    assert [info.version for info in engine.clients] == ["1.3"]


def test_mariadb_after_install(installed, mariadb_port, ca_file):
    options = {"ssl_ca": ca_file, "ssl_verify_cert": True, "ssl_verify_identity": True}
    connection = pymysql.connect(host="localhost", port=mariadb_port, user="root", **options)
    with contextlib.closing(connection):
        assert query(connection, "SELECT 6 * 7") == ((42,),)
    assert len(installed.clients) == 1


def test_mariadb_knows_a_client_by_its_certificate(engine, ca, mariadb_port):
    nobody = tlsmith.Client(trust=ca).ssl_context()
    alice = tlsmith.Client(trust=ca, identity=ca.issue_client("alice@example.org")).ssl_context()
    with mariadb("localhost", mariadb_port, nobody) as connection:
        query(connection, "CREATE OR REPLACE USER alice REQUIRE X509")
    with mariadb("localhost", mariadb_port, alice, user="alice") as connection:
        assert query(connection, "SELECT USER()")[0][0].startswith("alice@")
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        with mariadb("localhost", mariadb_port, nobody, user="alice"):
            pass
    assert len(engine.clients) == 3


def test_pymysql_rejects_untrusted_server(engine, ca, mariadb_port):
    ours, stranger = (tlsmith.Client(trust=one).ssl_context() for one in (ca, tlsmith.CA()))
    for host, context, code in (
        ("127.0.0.1", ours, IP_MISMATCH),
        ("localhost", stranger, UNKNOWN_ROOT),
    ):
        with pytest.raises(pymysql.err.OperationalError, match="Can't connect") as caught:
            with mariadb(host, mariadb_port, context):
                pass
        assert verify_code(caught.value) == code
    assert len(engine.cores) == 2 and not engine.clients


# MQTT


@pytest.fixture(scope="module")
def mosquitto_ports(files, ca_file, tmp_path_factory):
    """Of a broker: for MQTT alone and in WebSockets."""
    folder = tmp_path_factory.mktemp("mosquitto")
    ports = {"tcp": free_port(), "websockets": free_port()}
    settings = f"user {getpass.getuser()}\npersistence false\nallow_anonymous true\n"
    # The broker listens in this order: when it does on the last, it does on both.
    for name, protocol in (("websockets", "websockets"), ("tcp", "mqtt")):
        settings += (
            f"listener {ports[name]} 127.0.0.1\nprotocol {protocol}\n"
            f"certfile {files.cert}\nkeyfile {files.key}\ncafile {ca_file}\n"
        )
    (folder / "mosquitto.conf").write_text(settings)
    command = [tool("mosquitto", "mosquitto"), "-c", folder / "mosquitto.conf"]
    with running(*command, port=ports["tcp"], folder=folder):
        yield ports


@contextlib.contextmanager
def mqtt(transport, ports, **tls):
    """A client with a thread of its own, connected."""
    client = mqtt_client(transport, **tls)
    connected = queue.Queue()
    client.on_connect = lambda *arguments: connected.put(arguments[3])
    client.connect("localhost", ports[transport])
    client.loop_start()
    assert not connected.get(timeout=PATIENCE).is_failure
    yield client
    client.disconnect()
    client.loop_stop()


def mqtt_client(transport, context=None, ca_file=None):
    version = paho.mqtt.client.CallbackAPIVersion.VERSION2
    client = paho.mqtt.client.Client(version, transport=transport)
    if context is not None:
        client.tls_set_context(context)
    else:
        client.tls_set(ca_file)
    return client


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_mqtt_delivers(installed, ca, ca_file, mosquitto_ports, transport):
    """From one client to another, with the most careful of deliveries."""
    messages, subscribed = queue.Queue(), queue.Queue()
    context = tlsmith.Client(trust=ca).ssl_context()
    with (
        mqtt(transport, mosquitto_ports, context=context) as reader,
        mqtt(transport, mosquitto_ports, ca_file=ca_file) as writer,
    ):
        reader.on_message = lambda *arguments: messages.put(arguments[2].payload)
        reader.on_subscribe = lambda *_arguments: subscribed.put(True)
        reader.subscribe("news", qos=2)
        subscribed.get(timeout=PATIENCE)
        # In WebSockets, this broker reads 4 KiB each time that it looks around.
        blob = BLOB if transport == "tcp" else BLOB[:4000]
        sent = [b"%d" % number for number in range(50)] + [blob]
        for payload in sent:
            writer.publish("news", payload, qos=2)
        assert [messages.get(timeout=PATIENCE) for _ in sent] == sent
    assert len(installed.clients) == 2


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_mqtt_rejects_untrusted_server(engine, ca, mosquitto_ports, transport):
    ours, stranger = (tlsmith.Client(trust=one).ssl_context() for one in (ca, tlsmith.CA()))
    for host, context, code in (
        ("127.0.0.1", ours, IP_MISMATCH),
        ("localhost", stranger, UNKNOWN_ROOT),
    ):
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            mqtt_client(transport, context=context).connect(host, mosquitto_ports[transport])
        assert caught.value.verify_code == code
    assert len(engine.cores) == 2 and not engine.clients
