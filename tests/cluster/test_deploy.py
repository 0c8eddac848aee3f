"""What cluster/deploy ships, as far as it can be held to account without the platform."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "cluster" / "deploy"


@pytest.fixture
def validated(ray_here):
    """Ray's own reading of a `ray up` file, with its defaults filled in."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    def read(config):
        ready = prepare_config(config)
        validate_config(ready)
        return ready

    return read


@pytest.mark.filterwarnings("ignore")  # the autoscaler's own imports warn
def test_ray_takes_the_file_of_ray_up(validated):
    """Ray's schema and its own checks take it; tokens are on, and the dashboard is not open."""
    config = yaml.safe_load((DEPLOY / "ray-up.yaml").read_text())
    ready = validated(config)
    assert ready["max_workers"] == len(config["provider"]["worker_ips"])
    start = config["head_start_ray_commands"][-1]
    assert "RAY_AUTH_MODE=token" in start
    assert "--dashboard-host=127.0.0.1" in start
    assert "RAY_AUTH_MODE=token" in config["worker_start_ray_commands"][-1]
    with pytest.raises(Exception, match="cluster_nam"):
        validated({**config, "cluster_nam": "x"})


def test_the_slurm_script_is_a_script_and_ray_knows_its_words():
    """Bash takes it, and each option of `ray symmetric-run` stands in that command's help."""
    script = DEPLOY / "slurm.sh"
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text()
    from ray.scripts.symmetric_run import symmetric_run

    known = {option for parameter in symmetric_run.params for option in parameter.opts}
    command = text[text.index("symmetric-run") : text.index(" -- ")]
    ours = set(re.findall(r"--[a-z-]+", command)) - {"--num-cpus"}  # that one is of `ray start`
    assert ours == {"--address", "--min-nodes"}
    assert ours <= known
    refused = subprocess.run(["bash", str(script)], capture_output=True, text=True)
    assert (refused.returncode != 0, "usage: sbatch" in refused.stderr) == (True, True)


def test_the_image_reaps_and_copies_what_is_there():
    """Its first process is an init; each folder that it copies exists, and it runs as a user."""
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    assert 'ENTRYPOINT ["tini", "--"]' in lines
    assert any(line.startswith("USER ") and "root" not in line for line in lines)
    for line in lines:
        if line.startswith("COPY "):
            for name in line.split()[1:-1]:
                assert (DEPLOY.parents[1] / name).exists(), name


def test_the_kubernetes_manifests_agree_with_each_other_and_with_ray_up():
    """Tokens on, no cores on the head, one image, the pinned Ray, the health checks of ray-up."""
    cluster, job = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    assert (cluster["kind"], job["kind"]) == ("RayCluster", "RayJob")
    specs = [cluster["spec"], job["spec"]["rayClusterSpec"]]
    pinned = re.search(r"ray\[tune\]>=([\d.]+)", (DEPLOY.parents[1] / "pyproject.toml").read_text())
    images = set()
    for spec in specs:
        assert spec["authOptions"] == {"mode": "token", "secretName": "quintain-ray-token"}
        assert spec["rayVersion"].startswith(pinned[1])
        assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            images |= {each["image"] for each in group["template"]["spec"]["containers"]}
    assert len(images) == 1
    [head] = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    start = yaml.safe_load((DEPLOY / "ray-up.yaml").read_text())["head_start_ray_commands"][-1]
    shipped = dict(re.findall(r"(RAY_(?:health|memory)\w+)=([\w.]+)", start))
    assert {each["name"]: each["value"] for each in head["env"]} == shipped
    assert job["spec"]["entrypointNumCpus"] > 0  # on a worker: it outlives the head
