//! The applications table: the registered clients, by client id.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValue},
};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

use super::{
    StoreError, attributes,
    item::{self, Item},
    whole_table,
};
use crate::metrics;
use crate::oauth::{Application, ClientSecret, ClientType, DataAccess, Description};

/// How long a start waits for connections, so that a table that does not answer delays it and does not end it.
const WARM_MILLISECONDS_MAX: u64 = 1000;

/// The applications table.
#[derive(Clone, Debug)]
pub struct ApplicationsTable {
    client: Client,
    table: String,
}

/// What is counted of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedApplication {
    /// The application.
    pub client_id: String,
    /// Whether it may be used.
    pub active: bool,
    /// For how long it gets access.
    pub data_access: DataAccess,
}

impl ApplicationsTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// The application of that id. Strongly consistent: an application switched off is refused on the next request.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn get(&self, client_id: &str) -> Result<Option<Application>, StoreError> {
        // DynamoDB refuses empty keys; no application has an id that is not alphanumeric.
        if !Application::is_client_id(client_id) {
            return Ok(None);
        }
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("client_id", item::string(client_id))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::of)?;
        let found = found.item.as_ref().map(application).transpose()?;
        if let Some(application) = &found {
            metrics::note_client(&application.client_id);
        }
        Ok(found)
    }

    /// All applications. It walks through the whole table: for operators, never on a request's path.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn all(&self) -> Result<Vec<Application>, StoreError> {
        let scan = self.client.scan().table_name(&self.table);
        whole_table::all(scan)
            .await?
            .iter()
            .map(application)
            .collect()
    }

    /// Calls `see` for every application, with nothing but what is counted.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn for_each(&self, see: impl FnMut(CountedApplication)) -> Result<(), StoreError> {
        const COUNTED: &str = "client_id, active, data_access";
        let read = |item: &Item| {
            Ok(CountedApplication {
                client_id: attributes::read_text(item, "client_id")?,
                active: attributes::read_bool(item, "active")?,
                data_access: data_access(item::read_string(item, "data_access")?)
                    .ok_or(StoreError::Corrupt("data_access"))?,
            })
        };
        whole_table::for_each(&self.client, (&self.table, COUNTED), read, see).await
    }

    /// Opens that many connections to the table for the requests to come, by looking for an application that nobody
    /// has.
    ///
    /// Waits no longer than [`WARM_MILLISECONDS_MAX`], and takes whatever comes of it: a table that does not answer now
    /// may do so when there is a request.
    pub async fn warm(&self, connections: usize) {
        let nobody = "0".repeat(Application::CLIENT_ID_CHARS);
        let lookups = join_all((0..connections).map(|_| self.get(&nobody)));
        let _ = timeout(Duration::from_millis(WARM_MILLISECONDS_MAX), lookups).await;
    }

    /// Switches an application on, and nothing else of it: what others change meanwhile stays changed. The application
    /// as it is then.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn activate(&self, client_id: &str) -> Result<Option<Application>, StoreError> {
        self.set_active(client_id, AttributeValue::Bool(true)).await
    }

    /// Switches an application off, and nothing else of it. The application as it is then.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn deactivate(&self, client_id: &str) -> Result<Option<Application>, StoreError> {
        self.set_active(client_id, AttributeValue::Bool(false))
            .await
    }

    async fn set_active(
        &self,
        client_id: &str,
        active: AttributeValue,
    ) -> Result<Option<Application>, StoreError> {
        if !Application::is_client_id(client_id) {
            return Ok(None);
        }
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("client_id", item::string(client_id))
            .condition_expression("attribute_exists(client_id)")
            .update_expression("SET active = :active")
            .expression_attribute_values(":active", active)
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(StoreError::of);
        match updated {
            Ok(updated) => updated.attributes.as_ref().map(application).transpose(),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts secrets in the place of those that were read, and changes nothing else of the application.
    ///
    /// # Errors
    /// As every call of a table; a conflict when others are there by now, or the application is gone.
    pub async fn replace_secrets(
        &self,
        read: &Application,
        secrets: &[ClientSecret],
    ) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("client_id", item::string(&read.client_id))
            .condition_expression("secrets = :read")
            .update_expression("SET secrets = :secrets")
            .expression_attribute_values(":read", secrets_list(&read.secrets))
            .expression_attribute_values(":secrets", secrets_list(secrets))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }

    /// Registers an application or replaces all of it, whatever others change meanwhile.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn put(&self, application: &Application) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(application)))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }
}

fn item_of(application: &Application) -> Item {
    let list = |values: &[String]| AttributeValue::L(values.iter().map(item::string).collect());
    let mut item = attributes::item_of([
        ("client_id", item::string(&application.client_id)),
        (
            "client_type",
            item::string(client_type_name(application.client_type)),
        ),
        ("name", item::string(&application.name)),
        ("secrets", secrets_list(&application.secrets)),
        ("redirect_uris", list(&application.redirect_uris)),
        ("scopes", item::string(application.scopes.to_string())),
        (
            "require_demographic_scopes",
            AttributeValue::Bool(application.require_demographic_scopes),
        ),
        (
            "part_d_eob_only",
            AttributeValue::Bool(application.part_d_eob_only),
        ),
        (
            "data_access",
            item::string(data_access_name(application.data_access)),
        ),
        ("active", AttributeValue::Bool(application.active)),
        (
            "token_management",
            AttributeValue::Bool(application.token_management),
        ),
    ]);
    let description = application.description.as_ref();
    let description = description.map(|text| item::string(text.as_str()));
    let policy_uri = application.policy_uri.as_deref().map(item::string);
    let tos_uri = application.tos_uri.as_deref().map(item::string);
    attributes::put_optional(&mut item, "description", description);
    let logo_uri = application.logo_uri.as_deref().map(item::string);
    let support_email = application.support_email.as_deref().map(item::string);
    attributes::put_optional(&mut item, "logo_uri", logo_uri);
    attributes::put_optional(&mut item, "support_email", support_email);
    attributes::put_optional(&mut item, "policy_uri", policy_uri);
    attributes::put_optional(&mut item, "tos_uri", tos_uri);
    item
}

fn application(found: &Item) -> Result<Application, StoreError> {
    Ok(Application {
        client_id: attributes::read_text(found, "client_id")?,
        client_type: client_type(item::read_string(found, "client_type")?)
            .ok_or(StoreError::Corrupt("client_type"))?,
        name: attributes::read_text(found, "name")?,
        secrets: secrets(found)?,
        redirect_uris: strings(found, "redirect_uris")?,
        scopes: attributes::read_scopes(found, "scopes")?,
        require_demographic_scopes: attributes::read_bool(found, "require_demographic_scopes")?,
        part_d_eob_only: attributes::read_bool(found, "part_d_eob_only")?,
        data_access: data_access(item::read_string(found, "data_access")?)
            .ok_or(StoreError::Corrupt("data_access"))?,
        active: attributes::read_bool(found, "active")?,
        description: description(found)?,
        token_management: attributes::read_bool(found, "token_management")?,
        logo_uri: attributes::read_optional_string(found, "logo_uri")?,
        support_email: attributes::read_optional_string(found, "support_email")?,
        policy_uri: attributes::read_optional_string(found, "policy_uri")?,
        tos_uri: attributes::read_optional_string(found, "tos_uri")?,
    })
}

fn description(found: &Item) -> Result<Option<Description>, StoreError> {
    let text = attributes::read_optional_string(found, "description")?;
    let description = text.as_deref().map(Description::parse).transpose();
    description.map_err(|_| StoreError::Corrupt("description"))
}

/// The spelling of the access types in the table, which is Blue Button's.
const DATA_ACCESS_NAMES: [(DataAccess, &str); 3] = [
    (DataAccess::OneTime, "ONE_TIME"),
    (DataAccess::ThirteenMonth, "THIRTEEN_MONTH"),
    (DataAccess::ResearchStudy, "RESEARCH_STUDY"),
];

fn data_access_name(access: DataAccess) -> &'static str {
    let named = DATA_ACCESS_NAMES.iter().find(|(known, _)| *known == access);
    named.map_or("", |(_, name)| name)
}

fn data_access(name: &str) -> Option<DataAccess> {
    let named = DATA_ACCESS_NAMES.iter().find(|(_, known)| *known == name);
    named.map(|(access, _)| *access)
}

/// The spelling of the client types in the table, which is RFC 6749's.
const CLIENT_TYPE_NAMES: [(ClientType, &str); 2] = [
    (ClientType::Confidential, "confidential"),
    (ClientType::Public, "public"),
];

fn client_type_name(client_type: ClientType) -> &'static str {
    let mut names = CLIENT_TYPE_NAMES.iter();
    let named = names.find(|(known, _)| *known == client_type);
    named.map_or("", |(_, name)| name)
}

fn client_type(name: &str) -> Option<ClientType> {
    let named = CLIENT_TYPE_NAMES.iter().find(|(_, known)| *known == name);
    named.map(|(client_type, _)| *client_type)
}

fn secrets_list(secrets: &[ClientSecret]) -> AttributeValue {
    let secret = |secret: &ClientSecret| {
        let mut item = attributes::item_of([("hash", item::string(&secret.hash))]);
        let ends_at = secret.ends_at.map(attributes::seconds);
        attributes::put_optional(&mut item, "ends_at", ends_at);
        AttributeValue::M(item)
    };
    AttributeValue::L(secrets.iter().map(secret).collect())
}

fn secrets(found: &Item) -> Result<Vec<ClientSecret>, StoreError> {
    const NAME: &str = "secrets";
    let list = found.get(NAME).and_then(|value| value.as_l().ok());
    let secret = |value: &AttributeValue| {
        let item = value.as_m().map_err(|_| StoreError::Corrupt(NAME))?;
        Ok(ClientSecret {
            hash: attributes::read_text(item, "hash")?,
            ends_at: attributes::read_optional_seconds(item, "ends_at")?,
        })
    };
    let list = list.ok_or(StoreError::Corrupt(NAME))?;
    list.iter().map(secret).collect()
}

fn strings(found: &Item, name: &'static str) -> Result<Vec<String>, StoreError> {
    let list = found.get(name).and_then(|value| value.as_l().ok());
    list.ok_or(StoreError::Corrupt(name))?
        .iter()
        .map(|value| value.as_s().cloned().map_err(|_| StoreError::Corrupt(name)))
        .collect()
}
