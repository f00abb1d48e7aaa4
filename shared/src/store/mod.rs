//! DynamoDB: one type per table, and the stored claim in its binary form.
