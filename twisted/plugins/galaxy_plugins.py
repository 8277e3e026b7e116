"""The twistd commands of Galaxy."""

from twisted.application.service import ServiceMaker

galaxyMaster = ServiceMaker(
    "Galaxy master",
    "galaxy.master.tap",
    "Owns the jobs and placements of a Galaxy cluster.",
    "galaxy-master",
)
galaxyAgent = ServiceMaker(
    "Galaxy agent",
    "galaxy.agent.tap",
    "Runs pods on this machine for a Galaxy cluster.",
    "galaxy-agent",
)
galaxyScheduler = ServiceMaker(
    "Galaxy scheduler",
    "galaxy.scheduler.tap",
    "Proposes where the pods of a Galaxy cluster go.",
    "galaxy-scheduler",
)
