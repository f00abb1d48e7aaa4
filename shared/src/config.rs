//! Configuration: the environment, the stage, the AWS clients with their time-outs.
