variable "namespace" {
  description = "In front of every name, as in the services' NAMESPACE: one per environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.namespace))
    error_message = "Lower-case letters, digits and -, at most 20, such as prod."
  }
}

variable "topics" {
  description = "The types that leave by SNS, by the name of their topic. From topology.auto.tfvars.json."
  type        = map(string)
}

variable "queues" {
  description = "A queue per group, with the topics that it is subscribed to. From topology.auto.tfvars.json."

  type = map(object({
    topics            = list(string)
    max_receive_count = number
  }))
}

variable "visibility_timeout_seconds" {
  description = "How long a received message is hidden: at least 6 × the time limit of a handler, and what the services' SQS_VISIBILITY_TIMEOUT_SECONDS says."
  type        = number
}

variable "receive_wait_time_seconds" {
  description = "How long a receive waits for a message."
  type        = number
}

variable "retention_days" {
  description = "How long a queue keeps a message that nobody handles."
  type        = number
}

variable "dead_letter_retention_days" {
  description = "How long a message that was set aside is kept. On a standard queue its age counts from when it was sent."
  type        = number
}

variable "fifo" {
  description = "FIFO topics and queues, which keep the order of a key and end in .fifo."
  type        = bool
  default     = false
}

variable "kms_key_id" {
  description = "A customer-managed key whose policy lets sns.amazonaws.com call kms:GenerateDataKey* and kms:Decrypt. Without one, queues use SSE-SQS and topics the account's key for SNS."
  type        = string
  default     = null
}

variable "claims_bucket" {
  description = "The name of a bucket to make for bodies that are too big to travel. Without one, they are in Postgres."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "ARNs that are told when an alarm begins and ends."
  type        = list(string)
  default     = []
}

variable "oldest_message_alarm_seconds" {
  description = "The age at which a message that waits is worth an alarm."
  type        = number
  default     = 300
}

variable "tags" {
  description = "On everything that is made here."
  type        = map(string)
  default     = {}
}
