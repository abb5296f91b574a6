// Makes the replica set of one and the platform's user. Run again, it changes nothing but the password
// to what the secret says. For mongosh, as root over the network.
const { readFileSync } = require("fs");
const { URL } = require("url");

const secret = (name) => readFileSync(`/run/secrets/${name}`, "utf8").trim();
const platform = new URL(secret("kasal_mongo_url"));
const root = encodeURIComponent(secret("mongo_root_password"));

const server = connect(`mongodb://root:${root}@mongo:27017/admin?directConnection=true`);

function initiated() {
  try {
    return server.adminCommand({ replSetGetStatus: 1 }).ok === 1;
  } catch (fault) {
    if (fault.codeName !== "NotYetInitialized") throw fault;
    return false;
  }
}

if (!initiated()) {
  server.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] } });
}
for (let tries = 0; !server.hello().isWritablePrimary; tries += 1) {
  if (tries === 60) throw new Error("The replica set has no primary after 60 s.");
  sleep(1000);
}

const roles = ["kasal_auth", "kasal_crews", "kasal_executor"].flatMap((db) => [
  { role: "readWrite", db },
  { role: "dbAdmin", db },
]);
const user = decodeURIComponent(platform.username);
const account = { pwd: decodeURIComponent(platform.password), roles };
if (server.getUser(user)) server.updateUser(user, account);
else server.createUser({ user, ...account });
print("The replica set is up and the platform's user is there.");
